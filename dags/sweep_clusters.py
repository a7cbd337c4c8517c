"""### Sweep the clusters

Every ten minutes: gives up the jobs of tasks that have ended and told nobody (a person marked one
as failed while no triggerer ran), cancels what is left in the queues, and looks once at each
cluster where something is open. Waiting tasks need no help of it; it costs nothing when all is
still. Its log says what it did.
"""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.sdk import dag

from nepsbench_airflow import stages
from nepsbench_airflow.defaults import DEFAULT_ARGS, TAGS


@dag(
    schedule="*/10 * * * *",
    start_date=datetime(2025, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    # A sweeper that waits for somebody to unpause it would be missed only when it is too late.
    is_paused_upon_creation=False,
    doc_md=__doc__,
    tags=[*TAGS, "upkeep"],
    default_args=DEFAULT_ARGS,
)
def sweep_clusters() -> None:
    stages.sweep()


sweep_clusters()
