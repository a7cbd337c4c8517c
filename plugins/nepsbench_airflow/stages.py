"""The stages as Airflow tasks; the DAG files only string them together.

Each task imports what it needs when it runs, and calls one function of ``nepsbench.campaign``.
"""

from __future__ import annotations

import os
from typing import Any

from airflow.sdk import Asset, chain, get_current_context, task_group
from airflow.sdk.exceptions import AirflowSkipException

from nepsbench_airflow.defaults import WAVE_SLOTS
from nepsbench_airflow.operators import ClusterJobsOperator
from nepsbench_airflow.tasks import task


@task
def draw_profile() -> str:
    """Draw the sampling profile and reserve its streams."""
    from nepsbench.campaign.draw import draw_profile as draw
    from nepsbench.home import data_home

    campaign, _ = _campaign()
    profile = draw(campaign, data_home())
    print(f"{campaign.name}: {len(profile)} trials, hash {profile.hash}")
    return campaign.name


@task_group
def initialize() -> None:
    """Prove on the cluster that all is as it was sent."""

    @task
    def install() -> None:
        """Put this version of the package on the cluster, unless it is there."""
        from nepsbench.cluster.install import install as install_package
        from nepsbench_airflow.connection import open_airflow_cluster

        campaign, _ = _campaign()
        with open_airflow_cluster(campaign.cluster) as cluster:
            print(install_package(cluster))

    @task
    def accept() -> None:
        """Fetch what the job found and compare it with what was sent."""
        from nepsbench.campaign.initialize import accept_environment
        from nepsbench.home import data_home
        from nepsbench_airflow.connection import open_airflow_cluster

        campaign, _ = _campaign()
        with open_airflow_cluster(campaign.cluster) as cluster:
            print(accept_environment(campaign, data_home(), cluster))

    run = ClusterJobsOperator(task_id="run", stage="initialize")
    install() >> run >> accept()


def waves() -> list[Any]:
    """Return a group of tasks for each wave that there may be; those that lack are skipped."""

    def wave(slot: int) -> Any:
        @task_group(group_id=f"wave_{slot}")
        def run_wave() -> None:
            chain(*train_wave(slot), *collect_wave(slot))

        return run_wave()

    return [wave(slot) for slot in range(1, WAVE_SLOTS + 1)]


def train_wave(slot: int | None = None) -> Any:
    """Return the tasks that plan and train one wave.

    Args:
        slot: Which of the campaign's waves, from 1; None: the one that the run is about.
    """

    # The wave before may have skipped its tracking.
    @task(trigger_rule="none_failed")
    def plan() -> int:
        """Bundle the trials that are left into portfolios and jobs."""
        from nepsbench.campaign.wave import ensure_plan
        from nepsbench.cluster import load_cluster
        from nepsbench.home import data_home

        campaign, context = _campaign()
        epochs = _wave(campaign, context, slot)
        wave = ensure_plan(campaign, epochs, data_home(), load_cluster(campaign.cluster))
        summary = {key: value for key, value in wave.summary.items() if key != "jobs"}
        print(f"{wave.path}: {len(wave.summary['jobs'])} jobs, {summary}")
        return epochs

    planned = plan()
    train = ClusterJobsOperator(task_id="train", stage="wave", wave=planned)
    planned >> train
    return planned, train


def collect_wave(slot: int | None = None) -> Any:
    """Return the tasks that bring a wave's results home; ``slot`` as in :func:`train_wave`."""

    @task
    def collect() -> int:
        """Fetch the journals into the warehouse."""
        from nepsbench.campaign.collect import collect_wave as collect_results
        from nepsbench.home import data_home
        from nepsbench_airflow.connection import open_airflow_cluster

        campaign, context = _campaign()
        epochs = _wave(campaign, context, slot)
        with open_airflow_cluster(campaign.cluster) as cluster:
            collected = collect_results(campaign, epochs, data_home(), cluster)
        print(f"wave {epochs}: {collected.summary}; {collected.report}")
        return epochs

    @task
    def track(epochs: int) -> None:
        """Write a run for each trial to MLflow."""
        from nepsbench.campaign.collect import track_wave
        from nepsbench.home import data_home

        campaign, _ = _campaign()
        if "MLFLOW_TRACKING_URI" not in os.environ:
            raise AirflowSkipException("MLFLOW_TRACKING_URI is not set: nothing is tracked")
        runs = track_wave(campaign, epochs, data_home(), os.environ["MLFLOW_TRACKING_URI"])
        print(f"wave {epochs}: {runs} runs")

    collected = collect()
    tracked = track(collected)
    return collected, tracked


@task_group
def fit_surrogate() -> None:
    """Check the tables, judge a surrogate, fit it and register it."""

    @task(trigger_rule="none_failed")
    def check() -> None:
        """Run every SQL check; an error stops the release."""
        from nepsbench.campaign.publish import check_benchmark
        from nepsbench.home import data_home

        campaign, _ = _campaign()
        check_benchmark(campaign.benchmark, data_home())

    @task
    def fit() -> None:
        """Fit one model a metric."""
        from nepsbench.campaign.publish import fit_surrogate as fit_models
        from nepsbench.home import data_home

        campaign, _ = _campaign()
        print((fit_models(campaign, data_home()).card or {}).get("metrics"))

    @task
    def register() -> None:
        """Log the surrogate's scores to MLflow and register it."""
        from nepsbench.campaign.publish import register_surrogate
        from nepsbench.home import data_home

        campaign, _ = _campaign()
        if "MLFLOW_TRACKING_URI" not in os.environ:
            raise AirflowSkipException("MLFLOW_TRACKING_URI is not set: nothing is registered")
        print(register_surrogate(campaign, data_home(), os.environ["MLFLOW_TRACKING_URI"]))

    check() >> fit() >> register()


@task(trigger_rule="none_failed")
def build_release() -> str:
    """Publish table and surrogate as an immutable release."""
    from nepsbench.campaign.publish import publish
    from nepsbench.home import data_home
    from nepsbench.release import verify_release

    campaign, _ = _campaign()
    path, _card = publish(campaign, data_home())
    verify_release(path)
    return str(path)


def hand_on(
    asset: Asset, *, epochs: Any = None, when: str = "always", task_id: str = "hand_on"
) -> Any:
    """Return the task that starts the next stage's DAG by updating ``asset``, if that is wanted.

    Args:
        asset: What the next stage waits for; the campaign's partition of it is updated.
        epochs: The wave that the next stage is about, as an XCom; None: it finds out.
        when: ``always``, or only if the campaign ``has`` or ``lacks`` another wave.
        task_id: The task's name.
    """

    @task(task_id=task_id, outlets=[asset], trigger_rule="none_failed")
    def tell(epochs: int | None, *, outlet_events: Any = None) -> None:
        """Start the next stage."""
        from nepsbench.campaign.wave import has_unfinished_wave
        from nepsbench.home import data_home
        from nepsbench_airflow.choice import wants_to_hand_on

        campaign, context = _campaign()
        if not wants_to_hand_on(context):
            raise AirflowSkipException("nobody asked for the next stage")
        if when != "always" and has_unfinished_wave(campaign, data_home()) != (when == "has"):
            raise AirflowSkipException("the other way")
        outlet_events[asset].add_partitions(campaign.name)
        outlet_events[asset].extra = {"epochs": epochs} if epochs else {}

    return tell(epochs)


@task
def sweep() -> None:
    """Settle jobs that no task waits for any more, and strays in the queues."""
    from nepsbench.home import data_home
    from nepsbench_airflow.sweeping import sweep_all

    sweep_all(data_home())


def _campaign() -> tuple[Any, Any]:
    """Return the run's campaign and its context."""
    from nepsbench_airflow.choice import chosen_campaign

    context = get_current_context()
    return chosen_campaign(context), context


def _wave(campaign: Any, context: Any, slot: int | None) -> int:
    """Return the milestone of this slot, or of the run; skips slots that the campaign lacks."""
    from nepsbench_airflow.choice import chosen_wave

    if slot is None:
        return chosen_wave(context, campaign)
    if slot > len(campaign.waves):
        raise AirflowSkipException(f"campaign {campaign.name} has {len(campaign.waves)} waves")
    return int(campaign.waves[slot - 1])
