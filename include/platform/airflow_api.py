"""Airflow's REST API, as far as the demo and the tests need it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import httpx

from include.platform.errors import PlatformError

ACTIVE_RUN = ("queued", "running")
#: Airflow's SQLite database has moments in which it is locked, and the server says 500.
_REPEATABLE = ("GET", "PATCH")
_TRIES = 6
_PAUSE = 2.0


@dataclass(frozen=True)
class TaskState:
    """One task of a DAG run.

    Attributes:
        task_id: Its name, with the task groups in front.
        map_index: Its number among mapped copies, or -1.
        state: Airflow's word, or None before it is scheduled.
        duration: Seconds, while it runs and after.
        try_number: From 1, or 0 before the first.
        started: Start of the last try, ISO 8601, or None.
    """

    task_id: str
    map_index: int
    state: str | None
    duration: float | None
    try_number: int
    started: str | None

    @property
    def label(self) -> str:
        """The name, with the number of a mapped copy."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


class AirflowApi:
    """A logged-in client.

    Args:
        url: Address of the API server.
        username: Airflow user.
        password: Its password.

    Raises:
        PlatformError: If the server cannot be reached or refuses the login.
    """

    def __init__(self, url: str, *, username: str, password: str) -> None:
        # The server is on this machine: never through a proxy.
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)
        answer = self._send(
            "POST", "/auth/token", json={"username": username, "password": password}
        )
        self._http.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def wait_for_dag(self, dag_id: str, *, timeout: float = 180.0) -> None:
        """Wait until the DAG processor has read the DAG, and see that it is not paused.

        Raises:
            PlatformError: With Airflow's words if the file cannot be imported.
        """
        deadline = time.monotonic() + timeout
        while self._send("GET", f"/api/v2/dags/{dag_id}", missing_ok=True) is None:
            errors = self._send("GET", "/api/v2/importErrors")["import_errors"]
            if errors:
                first = errors[0]
                last = first["stack_trace"].strip().splitlines()[-1]
                raise PlatformError(f"{first['filename']}: cannot be imported: {last}")
            if time.monotonic() > deadline:
                raise PlatformError(
                    f"Airflow does not know the DAG {dag_id} after {timeout:.0f} s; "
                    "see the log of airflow-dag-processor"
                )
            time.sleep(0.5)
        self._send("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})

    def run_state(self, dag_id: str, run_id: str) -> str | None:
        """Return the state of a DAG run, or None if there is no such run."""
        run = self._send("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}", missing_ok=True)
        return None if run is None else str(run["state"])

    def trigger(self, dag_id: str, run_id: str, *, conf: dict[str, Any]) -> None:
        """Start a DAG run, as the form in the UI does."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        self._send("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)

    def clear_failed(self, dag_id: str, run_id: str) -> None:
        """Run the failed tasks of a DAG run, and those behind them, again."""
        body = {"dry_run": False, "only_failed": True}
        self._send("POST", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/clear", json=body)

    def fail(self, dag_id: str, run_id: str) -> None:
        """End a DAG run: Airflow kills its running tasks."""
        self._send("PATCH", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}", json={"state": "failed"})

    def tasks(self, dag_id: str, run_id: str) -> list[TaskState]:
        """Return the tasks of a run: started ones in the order of starting, then the others."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        found: list[dict[str, Any]] = []
        while True:
            page = self._send("GET", path, params={"limit": 100, "offset": len(found)})
            found += page["task_instances"]
            if not page["task_instances"] or len(found) >= page["total_entries"]:
                break
        states = [
            TaskState(
                task_id=one["task_id"],
                map_index=one["map_index"],
                state=one["state"],
                duration=one["duration"],
                try_number=one["try_number"],
                started=one["start_date"],
            )
            for one in found
        ]
        return sorted(states, key=lambda task: (task.started is None, task.started or ""))

    def log_tail(self, dag_id: str, run_id: str, *, task: TaskState, lines: int = 20) -> str:
        """Return the last lines of the log of a task's last try."""
        answer = self._send(
            "GET",
            f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task.task_id}"
            f"/logs/{task.try_number}",
            params={"map_index": task.map_index, "full_content": True},
            headers={"Accept": "application/json"},
            missing_ok=True,
        )
        entries = answer["content"] if answer else []
        text = [line for entry in entries for line in _log_lines(entry)]
        return "\n".join(text[-lines:])

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def _send(self, method: str, path: str, *, missing_ok: bool = False, **options: Any) -> Any:
        tries = _TRIES if method in _REPEATABLE else 1
        while True:
            tries -= 1
            try:
                answer = self._http.request(method, path, **options)
            except httpx.HTTPError as error:
                raise PlatformError(
                    f"Airflow at {self._http.base_url} does not answer ({error}); see make status"
                ) from None
            if not (answer.is_server_error and tries):
                break
            time.sleep(_PAUSE)
        if missing_ok and answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.is_error:
            raise PlatformError(
                f"Airflow refused {method} {path}: {answer.status_code} {answer.text[:500]}"
            )
        return answer.json()


def _log_lines(entry: Any) -> list[str]:
    """Return an entry of a task's log as text: its event, and the error it carries."""
    if isinstance(entry, str):
        return entry.splitlines()
    lines = str(entry.get("event", "")).splitlines()
    for error in entry.get("error_detail") or []:
        lines.append(f"{error.get('exc_type')}: {error.get('exc_value')}")
    return lines
