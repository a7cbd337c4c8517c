"""### Fit a benchmark's surrogate

Runs every SQL check on the benchmark's tables, judges a surrogate on configurations that it has not
seen, fits it on all, and registers it in MLflow.
"""

from __future__ import annotations

from airflow.sdk import PartitionedAssetTimetable, chain, dag

from nepsbench_airflow import assets, forms, stages
from nepsbench_airflow.defaults import DEFAULT_ARGS, TAGS


@dag(
    schedule=PartitionedAssetTimetable(assets=assets.TABLES),
    catchup=False,
    params=forms.stage_form(),
    doc_md=__doc__,
    tags=[*TAGS, "stage"],
    default_args=DEFAULT_ARGS,
)
def fit_surrogate() -> None:
    chain(stages.fit_surrogate(), stages.hand_on(assets.SURROGATES))


fit_surrogate()
