from pathlib import Path

import pytest

from include.platform.credentials import Credentials
from include.platform.environment import read_connections, service_environment
from include.platform.errors import PlatformError
from include.platform.ports import Ports
from include.platform.settings import ROOT, Settings


@pytest.fixture
def variables(settings: Settings) -> dict[str, str]:
    return service_environment(settings, Credentials.generate(), ports=Ports(1234, 5678))


def test_servers_listen_on_the_loopback_address_only(variables: dict[str, str]) -> None:
    assert variables["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert variables["AIRFLOW__API__PORT"] == "1234"
    assert (
        variables["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:1234/execution/"
    )
    assert variables["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:5678"


def test_every_folder_is_inside_the_state_or_the_repository(
    variables: dict[str, str], settings: Settings
) -> None:
    assert variables["AIRFLOW_HOME"] == str(settings.state / "airflow")
    assert variables["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith(
        f"sqlite:///{settings.state}/"
    )
    assert variables["AIRFLOW__CORE__DAGS_FOLDER"] == str(settings.dags)
    assert variables["AIRFLOW__CORE__PLUGINS_FOLDER"] == str(ROOT / "plugins")
    assert variables["NEPSBENCH_HOME"] == str(settings.home)


def test_airflow_knows_every_option_that_is_set(variables: dict[str, str]) -> None:
    import airflow.configuration

    options = airflow.configuration.retrieve_configuration_description(include_providers=False)
    for variable in variables:
        if variable.startswith("AIRFLOW__"):
            _, section, option = variable.lower().split("__")
            assert option in options[section]["options"], variable


def test_usage_reports_and_examples_are_off(variables: dict[str, str]) -> None:
    assert variables["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert variables["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"


def test_connections_are_read_from_the_shell_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "env.sh"
    file.write_text(
        "# a comment\n"
        "export SLURM_CONF='/somewhere/slurm.conf'\n"
        """export AIRFLOW_CONN_DEV_SLURM='{"host": "127.0.0.1", "port": 22}'\n"""
    )
    assert read_connections(file) == {"AIRFLOW_CONN_DEV_SLURM": '{"host": "127.0.0.1", "port": 22}'}


def test_no_shell_file_means_no_connections(tmp_path: Path) -> None:
    assert read_connections(tmp_path / "env.sh") == {}


def test_a_damaged_shell_file_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "env.sh"
    file.write_text("\nexport AIRFLOW_CONN_DEV_SLURM='{\n")
    with pytest.raises(PlatformError, match=r"env\.sh: line 2: .*slurm-up"):
        read_connections(file)


def test_folders_come_from_the_environment_and_are_absolute() -> None:
    settings = Settings.from_environment({"NEPSBENCH_CLUSTERS": "/a:b", "NEPSBENCH_HOME": "/data"})
    assert settings.clusters == (Path("/a"), ROOT / "b")
    assert settings.home == Path("/data")
    assert settings.state == ROOT / ".platform"
    assert settings.slurm == ROOT / ".platform/slurm"
