"""### Initialize a campaign on its cluster

Installs the package there, makes the folders, draws the profile again and proves that it has the
same hash, prepares and checksums the dataset, and records the environment.
"""

from __future__ import annotations

from airflow.sdk import PartitionedAssetTimetable, chain, dag

from nepsbench_airflow import assets, forms, stages
from nepsbench_airflow.defaults import DEFAULT_ARGS, TAGS


@dag(
    schedule=PartitionedAssetTimetable(assets=assets.PROFILES),
    catchup=False,
    params=forms.stage_form(),
    doc_md=__doc__,
    tags=[*TAGS, "stage"],
    default_args=DEFAULT_ARGS,
)
def initialize_campaign() -> None:
    chain(stages.initialize(), stages.hand_on(assets.CAMPAIGNS))


initialize_campaign()
