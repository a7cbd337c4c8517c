"""### Search architectures, and train what was found

Draws, proves and runs a campaign of searches wave by wave, as every benchmark is made, and writes
the page of what they found. If the form says how, what was found is then trained from new weights,
as a run of this DAG of its own, and the page shows that, too.
"""

from __future__ import annotations

from airflow.sdk import chain, dag

from nepsbench_airflow import experiments, forms, stages
from nepsbench_airflow.defaults import DEFAULT_ARGS, TAGS


@dag(
    schedule=None,
    catchup=False,
    params=forms.experiment_form(),
    doc_md=__doc__,
    tags=[*TAGS, "search"],
    default_args=DEFAULT_ARGS,
)
def run_experiment() -> None:
    chain(
        experiments.check(),
        stages.draw_profile(),
        stages.initialize(),
        *stages.waves(),
        experiments.report(),
        experiments.train_found(dag_id="run_experiment"),
    )


run_experiment()
