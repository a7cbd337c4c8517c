"""Whether the servers answer, as they say themselves."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from enum import Enum

from include.platform.ports import HOST, Ports


class Health(str, Enum):
    """What a service says of itself."""

    HEALTHY = "healthy"
    NOT_READY = "not ready"
    STOPPED = "stopped"


#: The names that Airflow's monitor gives to its parts.
AIRFLOW_PARTS = {
    "airflow-api-server": "metadatabase",
    "airflow-scheduler": "scheduler",
    "airflow-dag-processor": "dag_processor",
    "airflow-triggerer": "triggerer",
}


def healthy_services(ports: Ports) -> set[str]:
    """Return the names of the services that answer and call themselves healthy."""
    healthy = set()
    if _get(f"http://{HOST}:{ports.mlflow}/health") is not None:
        healthy.add("mlflow")
    body = _get(f"http://{HOST}:{ports.airflow}/api/v2/monitor/health")
    try:
        report = json.loads(body) if body else {}
    except ValueError:
        report = {}
    for service, part in AIRFLOW_PARTS.items():
        if (report.get(part) or {}).get("status") == "healthy":
            healthy.add(service)
    return healthy


def _get(url: str) -> bytes | None:
    """Return the body of a page of this machine, past any proxy; None if there is no such page."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            body: bytes = answer.read()
            return body
    except (urllib.error.URLError, OSError):
        return None
