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
        clusters: The folder of the cluster files (``NEPSBENCH_CLUSTERS``).
    """

    state: Path
    home: Path
    dags: Path
    clusters: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Return the settings; relative folders are meant from the repository's top."""

        def folder(variable: str, default: str) -> Path:
            return (ROOT / environment.get(variable, default)).resolve()

        return cls(
            state=folder("NEPSBENCH_STATE", ".platform"),
            home=folder("NEPSBENCH_HOME", "warehouse"),
            dags=folder("NEPSBENCH_DAGS", "dags"),
            clusters=folder("NEPSBENCH_CLUSTERS", "include/clusters"),
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
        """The Airflow connection to the developer's SLURM, written by ``make slurm-up``."""
        return self.state / "slurm" / "airflow.env"
