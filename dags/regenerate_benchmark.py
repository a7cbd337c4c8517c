"""### One click for a whole benchmark

Draws a sampling profile, proves it on the cluster, trains it wave by wave, collects every epoch
into the warehouse and MLflow, checks it, fits a surrogate and publishes a release.

Everything can be stopped, cleared and triggered again at any time: what is done is found, not
repeated. A slot of a wave that the form does not ask for is skipped.
"""

from __future__ import annotations

from airflow.sdk import chain, dag

from nepsbench_airflow import forms, stages
from nepsbench_airflow.defaults import DEFAULT_ARGS, TAGS


@dag(
    schedule=None,
    catchup=False,
    params=forms.campaign_form(),
    doc_md=__doc__,
    tags=[*TAGS, "whole"],
    default_args=DEFAULT_ARGS,
)
def regenerate_benchmark() -> None:
    chain(
        stages.draw_profile(),
        stages.initialize(),
        *stages.waves(),
        stages.fit_surrogate(),
        stages.build_release(),
    )


regenerate_benchmark()
