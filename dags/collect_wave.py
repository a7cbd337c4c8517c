"""### Collect a wave's results

Fetches the workers' journals, puts every trial and epoch into the warehouse, and writes a run for
each trial to MLflow. May be triggered while a wave runs, to see what is there; again is harmless.
"""

from __future__ import annotations

from airflow.sdk import PartitionedAssetTimetable, chain, dag

from nepsbench_airflow import assets, forms, stages
from nepsbench_airflow.defaults import DEFAULT_ARGS, TAGS


@dag(
    schedule=PartitionedAssetTimetable(assets=assets.WAVES),
    catchup=False,
    params=forms.stage_form(wave=True),
    doc_md=__doc__,
    tags=[*TAGS, "stage"],
    default_args=DEFAULT_ARGS,
)
def collect_wave() -> None:
    next_wave = stages.hand_on(assets.CAMPAIGNS, when="has", task_id="next_wave")
    all_waves = stages.hand_on(assets.TABLES, when="lacks", task_id="all_waves")
    chain(*stages.collect_wave(), [next_wave, all_waves])


collect_wave()
