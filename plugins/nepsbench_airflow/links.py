"""The button on a task's page that leads to its jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

#: Where the API server mounts the page.
PREFIX = "/nepsbench"
#: The XCom in which a task leaves the cluster and the keys of its jobs.
JOBS_KEY = "cluster_jobs"


class ClusterJobsLink(BaseOperatorLink):
    """Leads from a task to the page of its jobs."""

    name = "Cluster jobs"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:  # noqa: ARG002
        """Return the page's address on the same server."""
        from airflow.sdk.configuration import conf

        base = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
        task = {
            "dag_id": ti_key.dag_id,
            "run_id": ti_key.run_id,
            "task_id": ti_key.task_id,
            "map_index": -1 if ti_key.map_index is None else ti_key.map_index,
        }
        return f"{base}{PREFIX}/jobs?{urlencode(task)}"
