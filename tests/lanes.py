"""Which test files share servers, so that they run one after another beside the other lanes."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

#: A file's lane by the start of its name; a file that is not here is a lane of its own.
LANES = {
    "test_airflow_connection": "sshd",
    "test_faults_airflow": "demo",
    "test_faults_": "faults",
    "test_mlflow_tracking": "sshd",
    "test_platform_lifecycle": "demo",
    "test_sftp_transfers": "sshd",
    "test_slurm_demo": "demo",
    "test_slurm_": "slurm",
    "test_ssh_": "sshd",
}


def lane(nodeid: str) -> str:
    """Return the lane of a test."""
    file = nodeid.partition("::")[0].rpartition("/")[2]
    return next((name for start, name in LANES.items() if file.startswith(start)), file)


class Lanes(LoadScopeScheduling):
    """Give each worker one lane at a time, whole."""

    def _split_scope(self, nodeid: str) -> str:
        return lane(nodeid)
