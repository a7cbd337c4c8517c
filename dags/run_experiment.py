"""### Search architectures, and train what was found

Draws, proves and runs a campaign of searches wave by wave, as every benchmark is made, and writes
the page of what they found. If the form says how, what was found is then trained from new weights,
as a run of this DAG of its own, and the page shows that, too.
"""

from __future__ import annotations

from airflow.sdk import chain, dag, task_group

from nepsbench_airflow import experiments, forms, stages
from nepsbench_airflow.defaults import DEFAULT_ARGS, TAGS, WAVE_SLOTS


@dag(
    schedule=None,
    catchup=False,
    params=forms.experiment_form(),
    doc_md=__doc__,
    tags=[*TAGS, "search"],
    default_args=DEFAULT_ARGS,
)
def run_experiment() -> None:
    def wave(slot: int):
        @task_group(group_id=f"wave_{slot}")
        def run_wave() -> None:
            chain(*stages.train_wave(slot), *stages.collect_wave(slot))

        return run_wave()

    chain(
        experiments.check(),
        stages.draw_profile(),
        stages.initialize(),
        *(wave(slot) for slot in range(1, WAVE_SLOTS + 1)),
        experiments.report(),
        experiments.train_found(dag_id="run_experiment"),
    )


run_experiment()
