"""Which test files share servers, so that they run one after another beside the other lanes."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

#: A file's lane by the start of its name; a file that is not here is a lane of its own. Platforms
#: start one after another: two that look for a free port at the same moment would find the same.
LANES = {
    "test_airflow_connection": "sshd",
    "test_airflow_lifecycle": "platform",
    "test_faults_airflow": "platform",
    "test_faults_": "faults",
    "test_mlflow_tracking": "sshd",
    "test_platform_lifecycle": "platform",
    "test_sftp_transfers": "sshd",
    "test_slurm_demo": "platform",
    "test_slurm_": "slurm",
    "test_ssh_access": "sshd",
}


def lane(nodeid: str) -> str:
    """Return the lane of a test."""
    file = nodeid.partition("::")[0].rpartition("/")[2]
    return next((name for start, name in LANES.items() if file.startswith(start)), file)


class Lanes(LoadScopeScheduling):
    """Give each worker one lane at a time, whole."""

    def _split_scope(self, nodeid: str) -> str:
        return lane(nodeid)
