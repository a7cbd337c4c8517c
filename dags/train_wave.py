"""### Train one wave of a campaign

Plans the trials that are left into worker portfolios and jobs, from the seconds an epoch that
earlier waves measured, and runs the jobs. Each trial goes on from its checkpoint.
"""

from __future__ import annotations

from airflow.sdk import PartitionedAssetTimetable, chain, dag

from nepsbench_airflow import assets, forms, stages
from nepsbench_airflow.defaults import DEFAULT_ARGS, TAGS


@dag(
    schedule=PartitionedAssetTimetable(assets=assets.CAMPAIGNS),
    catchup=False,
    params=forms.stage_form(wave=True),
    doc_md=__doc__,
    tags=[*TAGS, "stage"],
    default_args=DEFAULT_ARGS,
)
def train_wave() -> None:
    planned, train = stages.train_wave()
    chain(planned, train, stages.hand_on(assets.WAVES, epochs=planned))


train_wave()
