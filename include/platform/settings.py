"""Where everything lies: folders and files of the platform, from a few environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Settings:
    """Folders of one platform.

    Attributes:
        state: Databases, logs, credentials and process files (``NEPSBENCH_STATE``).
        home: The data home (``NEPSBENCH_HOME``).
        dags: The folder of the DAG files (``NEPSBENCH_DAGS``).
        clusters: The folders of the cluster files (``NEPSBENCH_CLUSTERS``, colons between).
        slurm: The state of ``make slurm-up`` (``NEPSBENCH_SLURM_STATE``).
    """

    state: Path
    home: Path
    dags: Path
    clusters: tuple[Path, ...]
    slurm: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Return the settings; relative folders are meant from the repository's top."""

        def folders(variable: str, default: str) -> tuple[Path, ...]:
            given = environment.get(variable, default).split(":")
            return tuple((ROOT / one).resolve() for one in given if one)

        def folder(variable: str, default: str) -> Path:
            return (ROOT / environment.get(variable, default)).resolve()

        return cls(
            state=folder("NEPSBENCH_STATE", ".platform"),
            home=folder("NEPSBENCH_HOME", "warehouse"),
            dags=folder("NEPSBENCH_DAGS", "dags"),
            clusters=folders("NEPSBENCH_CLUSTERS", "include/clusters"),
            slurm=folder("NEPSBENCH_SLURM_STATE", ".platform/slurm"),
        )

    @property
    def airflow(self) -> Path:
        """The folder that Airflow calls its home."""
        return self.state / "airflow"

    @property
    def mlflow(self) -> Path:
        """The folder of MLflow's databases and artifacts."""
        return self.state / "mlflow"

    @property
    def logs(self) -> Path:
        """One log file a service."""
        return self.state / "logs"

    @property
    def running(self) -> Path:
        """One file a running process, and the ports in use."""
        return self.state / "running"

    @property
    def credentials(self) -> Path:
        """Generated passwords and keys, readable by the user only."""
        return self.state / "credentials.json"

    @property
    def airflow_passwords(self) -> Path:
        """The password file in the form that Airflow reads."""
        return self.airflow / "passwords.json"

    @property
    def mlflow_auth(self) -> Path:
        """MLflow's access file."""
        return self.mlflow / "basic_auth.ini"

    @property
    def dev_slurm(self) -> Path:
        """Variables of the developer's SLURM, written by ``make slurm-up``."""
        return self.slurm / "env.sh"
