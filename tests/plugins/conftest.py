import os
import sys

import pytest
import yaml

from nepsbench.cluster import Job, Resources, load_cluster, open_cluster


@pytest.fixture(scope="session", autouse=True)
def _airflow_home(tmp_path_factory):
    """Airflow reads its home at import; give it an empty one."""
    os.environ["AIRFLOW_HOME"] = str(tmp_path_factory.mktemp("airflow"))
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The data home, with a folder for cluster files."""
    monkeypatch.setenv("NEPSBENCH_CLUSTERS", str(tmp_path / "clusters"))
    monkeypatch.setenv("NEPSBENCH_HOME", str(tmp_path / "home"))
    (tmp_path / "clusters").mkdir()
    return tmp_path / "home"


@pytest.fixture
def cluster(home):
    """A quick cluster of real processes, called ``here``."""
    folder = home.parent
    content = {
        "name": "here", "kind": "local", "root": str(folder / "work"), "python": sys.executable,
        "poll_interval": 0.1, "limits": {"slots": 4}, "recovery": {"application": 0},
    }  # fmt: skip
    (folder / "clusters/here.yaml").write_text(yaml.safe_dump(content))
    with open_cluster(load_cluster("here")) as opened:
        yield opened


@pytest.fixture
def make_job(cluster):
    def make(key, script):
        return Job(key, cluster.path("jobs", key), ("bash", "-c", script), Resources())

    return make
