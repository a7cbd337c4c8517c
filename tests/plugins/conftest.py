import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def _airflow_home(tmp_path_factory):
    """Airflow reads its home at import; give it an empty one."""
    os.environ["AIRFLOW_HOME"] = str(tmp_path_factory.mktemp("airflow"))
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
