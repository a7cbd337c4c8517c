"""The environment that every service runs in: all settings of Airflow and MLflow, in one place."""

from __future__ import annotations

import shlex
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
        **nepsbench_variables(settings),
        **_airflow_variables(settings, credentials, ports=ports),
        **_mlflow_variables(settings, credentials, ports=ports),
        **_usage_reports_off(),
    }


def read_connections(path: Path) -> dict[str, str]:
    """Return the Airflow connections that a shell file exports; none if there is no such file.

    Raises:
        PlatformError: If a line of it is no shell text.
    """
    if not path.exists():
        return {}
    variables = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise PlatformError(
                f"{path}: line {number}: {error}; write it again with make slurm-down slurm-up"
            ) from None
        if len(words) == 2 and words[0] == "export" and words[1].startswith("AIRFLOW_CONN_"):
            name, _, value = words[1].partition("=")
            variables[name] = value
    return variables


def nepsbench_variables(settings: Settings) -> dict[str, str]:
    """Return what the ``nepsbench`` command needs to know."""
    return {
        "NEPSBENCH_HOME": str(settings.home),
        "NEPSBENCH_STATE": str(settings.state),
        "NEPSBENCH_CLUSTERS": ":".join(map(str, settings.clusters)),
        "NEPSBENCH_SLURM_STATE": str(settings.slurm),
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
        # A task that is over is let go within a second, not five.
        "WORKERS": {"MIN_HEARTBEAT_INTERVAL": 1},
        # An edited DAG file is seen within a minute; parsing takes time from the training.
        "DAG_PROCESSOR": {
            "REFRESH_INTERVAL": 30,
            "MIN_FILE_PROCESS_INTERVAL": 60,
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
