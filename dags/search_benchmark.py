"""### Compare optimisers on a benchmark

Searches a release with each optimiser and seed on a simulated cluster, and writes the leaderboard:
trajectories, ranks, performance profiles. A study that was stopped goes on with the searches that
are missing; a finished one changes nothing.
"""

from __future__ import annotations

from airflow.sdk import chain, dag

from nepsbench_airflow import forms, searching
from nepsbench_airflow.defaults import DEFAULT_ARGS, TAGS


@dag(
    schedule=None,
    catchup=False,
    params=forms.search_form(),
    doc_md=__doc__,
    tags=[*TAGS, "search"],
    default_args=DEFAULT_ARGS,
)
def search_benchmark() -> None:
    chain(searching.check(), searching.search(), [searching.report(), searching.track()])


search_benchmark()
