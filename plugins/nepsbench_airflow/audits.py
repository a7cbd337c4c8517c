"""The tasks of an audit; each calls one function of ``nepsbench.audit`` and is told its id."""

from __future__ import annotations

from typing import Any

from airflow.sdk import get_current_context, task_group
from airflow.sdk.exceptions import AirflowFailException

from nepsbench_airflow.operators import ClusterJobsOperator
from nepsbench_airflow.tasks import task


@task
def draw() -> str:
    """Draw the trials that are to be trained again; returns the audit's id."""
    from nepsbench.audit.form import parse_audit
    from nepsbench.audit.sample import draw_sample
    from nepsbench.home import data_home

    audit = draw_sample(parse_audit(dict(get_current_context()["params"])), data_home())
    print(f"{audit.id}: {audit.sample.num_rows} of {audit.about['population']} trials")
    return audit.id


@task_group
def prepare(audit: str) -> None:
    """Make sure that the cluster has this package and the dataset."""

    @task
    def install(name: str) -> None:
        """Put this version of the package on the cluster, unless it is there."""
        from nepsbench.cluster.install import install as install_package
        from nepsbench_airflow.connection import open_airflow_cluster

        with open_airflow_cluster(_audit(name).form.cluster) as cluster:
            print(install_package(cluster))

    run = ClusterJobsOperator(task_id="run", stage="prepare audit", audit=audit)
    install(audit) >> run


@task
def plan(name: str) -> None:
    """Compare the dataset's version with the trials', and bundle these into jobs."""
    from nepsbench.audit.environment import accept_environment
    from nepsbench.audit.retraining import is_trained, plan_audit
    from nepsbench_airflow.connection import open_airflow_cluster

    audit = _audit(name)
    if is_trained(audit):
        print("its trials were trained again before; another seed draws others")
        return
    with open_airflow_cluster(audit.form.cluster) as cluster:
        print(accept_environment(audit, cluster))
        print("\n".join(plan_audit(audit, cluster.file)) or "planned")


def train(audit: Any) -> ClusterJobsOperator:
    """Return the task that trains the sample again."""
    return ClusterJobsOperator(task_id="train", stage="audit", audit=audit)


@task
def judge(name: str) -> str:
    """Compare with what is recorded, keep the verdicts, and fail if a trial has drifted."""
    from nepsbench.audit.judging import judge as compare_all
    from nepsbench.audit.retraining import fetch_audit, is_trained
    from nepsbench.release.audited import audit_line
    from nepsbench_airflow.connection import open_airflow_cluster

    audit = _audit(name)
    if not is_trained(audit):
        with open_airflow_cluster(audit.form.cluster) as cluster:
            fetch_audit(audit, cluster)
    record = compare_all(audit, by=_who())
    print("\n".join(map(str, record.trials)))
    line = audit_line(record.summary())
    if not record.passed:
        raise AirflowFailException(line)
    return line


def _who() -> str:
    """Return who triggered the run, as far as Airflow knows, and the run."""
    run = get_current_context()["dag_run"]
    user = getattr(run, "triggering_user_name", None) or "nobody named"
    return f"{user}, Airflow run {run.run_id}"


def _audit(name: str) -> Any:
    from nepsbench.audit.sample import Audit
    from nepsbench.home import data_home

    return Audit(data_home(), name)
