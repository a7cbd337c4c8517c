"""### Build a release

Publishes the benchmark's tables and surrogate as an immutable, checksummed release, and verifies
it.
"""

from __future__ import annotations

from airflow.sdk import PartitionedAssetTimetable, chain, dag

from nepsbench_airflow import assets, forms, stages
from nepsbench_airflow.defaults import DEFAULT_ARGS, TAGS


@dag(
    schedule=PartitionedAssetTimetable(assets=assets.SURROGATES),
    catchup=False,
    params=forms.stage_form(),
    doc_md=__doc__,
    tags=[*TAGS, "stage"],
    default_args=DEFAULT_ARGS,
)
def build_release() -> None:
    chain(stages.build_release(), stages.hand_on(assets.RELEASES))


build_release()
