"""### Draw a sampling profile

Draws the configurations of a campaign from independent bit-streams, and reserves the pieces of the
streams in the warehouse, so that no other profile repeats them.
"""

from __future__ import annotations

from airflow.sdk import chain, dag

from nepsbench_airflow import assets, forms, stages
from nepsbench_airflow.defaults import DEFAULT_ARGS, TAGS


@dag(
    schedule=None,
    catchup=False,
    params=forms.campaign_form() | forms.hand_on_form(),
    doc_md=__doc__,
    tags=[*TAGS, "stage"],
    default_args=DEFAULT_ARGS,
)
def create_profile() -> None:
    chain(stages.draw_profile(), stages.hand_on(assets.PROFILES))


create_profile()
