"""The environment that every service runs in: all settings of Airflow and MLflow, in one place."""

from __future__ import annotations

from pathlib import Path

from include.platform.credentials import USER, Credentials
from include.platform.errors import PlatformError
from include.platform.ports import HOST, Ports
from include.platform.settings import ROOT, Settings


def service_environment(
    settings: Settings, credentials: Credentials, *, ports: Ports
) -> dict[str, str]:
    """Return the variables to add to the environment of each service."""
    return {
        **_nepsbench_variables(settings),
        **_airflow_variables(settings, credentials, ports=ports),
        **_mlflow_variables(settings, credentials, ports=ports),
        **_usage_reports_off(),
    }


def read_connections(path: Path) -> dict[str, str]:
    """Return the ``AIRFLOW_CONN_*`` variables of an env file (``NAME='value'`` a line), if any.

    Raises:
        PlatformError: If a line is neither empty, a comment, nor an assignment.
    """
    if not path.exists():
        return {}
    variables = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        name, equals, value = line.strip().partition("=")
        if not name or name.startswith("#"):
            continue
        if not equals or not name.startswith("AIRFLOW_CONN_"):
            raise PlatformError(
                f"{path}: line {number} is not AIRFLOW_CONN_<NAME>='<json>'; "
                "run make slurm-down slurm-up to write it again"
            )
        quoted = len(value) > 1 and value[0] == value[-1] == "'"
        variables[name] = value[1:-1] if quoted else value
    return variables


def _nepsbench_variables(settings: Settings) -> dict[str, str]:
    return {
        "NEPSBENCH_HOME": str(settings.home),
        "NEPSBENCH_STATE": str(settings.state),
        "NEPSBENCH_CLUSTERS": str(settings.clusters),
        "PYTHONPATH": f"{ROOT / 'plugins'}:{ROOT}",
        "PYTHONUNBUFFERED": "1",
    }


def _airflow_variables(
    settings: Settings, credentials: Credentials, *, ports: Ports
) -> dict[str, str]:
    url = f"http://{HOST}:{ports.airflow}"
    options: dict[str, dict[str, object]] = {
        "CORE": {
            "DAGS_FOLDER": settings.dags,
            "PLUGINS_FOLDER": ROOT / "plugins",
            "LOAD_EXAMPLES": False,
            "EXECUTOR": "LocalExecutor",
            "PARALLELISM": 4,
            "SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": settings.airflow_passwords,
            "FERNET_KEY": credentials.fernet_key,
            "EXECUTION_API_SERVER_URL": f"{url}/execution/",
            "HOSTNAME_CALLABLE": "socket.gethostname",
            "DAGS_ARE_PAUSED_AT_CREATION": False,
        },
        "API": {
            "HOST": HOST,
            "PORT": ports.airflow,
            "BASE_URL": url,
            "WORKERS": 1,
            "SECRET_KEY": credentials.api_secret_key,
            "EXPOSE_CONFIG": False,
        },
        "API_AUTH": {"JWT_SECRET": credentials.jwt_secret, "JWT_ISSUER": "nepsbench"},
        "DATABASE": {"SQL_ALCHEMY_CONN": f"sqlite:///{settings.airflow / 'airflow.db'}"},
        # A stage hands over to the next within a second or two.
        "SCHEDULER": {"SCHEDULER_IDLE_SLEEP_TIME": 0.5, "ENABLE_HEALTH_CHECK": False},
        # An edited DAG file is seen within seconds.
        "DAG_PROCESSOR": {
            "REFRESH_INTERVAL": 10,
            "MIN_FILE_PROCESS_INTERVAL": 10,
            "PARSING_PROCESSES": 1,
        },
        "LOGGING": {
            "BASE_LOG_FOLDER": settings.airflow / "logs",
            "DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": settings.airflow / "logs/dag_processor",
            "COLORED_CONSOLE_LOG": False,
        },
    }
    return {
        "AIRFLOW_HOME": str(settings.airflow),
        **{
            f"AIRFLOW__{section}__{option}": str(value)
            for section, values in options.items()
            for option, value in values.items()
        },
    }


def _mlflow_variables(
    settings: Settings, credentials: Credentials, *, ports: Ports
) -> dict[str, str]:
    return {
        "MLFLOW_TRACKING_URI": f"http://{HOST}:{ports.mlflow}",
        "MLFLOW_TRACKING_USERNAME": USER,
        "MLFLOW_TRACKING_PASSWORD": credentials.mlflow_password,
        "MLFLOW_AUTH_CONFIG_PATH": str(settings.mlflow_auth),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": credentials.mlflow_secret_key,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def _usage_reports_off() -> dict[str, str]:
    return {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "SCARF_ANALYTICS": "false",
    }
