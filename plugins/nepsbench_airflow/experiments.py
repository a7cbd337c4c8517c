"""The tasks of an experiment that are its own; the others are those of every campaign."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import get_current_context, task_group
from airflow.sdk.exceptions import AirflowSkipException

from nepsbench_airflow.tasks import task


@task
def check() -> None:
    """Refuse a final training that cannot be made, before anything is searched."""
    from nepsbench.campaign.searches import check_finals, read_finals
    from nepsbench_airflow.choice import chosen_campaign

    context = get_current_context()
    campaign, finals = chosen_campaign(context), context["params"].get("finals")
    if finals:
        check_finals(campaign, read_finals(finals))


@task(trigger_rule="none_failed")
def report() -> str:
    """Write the page of what the searches found, and how it was trained; returns its path."""
    from nepsbench.campaign.searches import searches_of, write_searches
    from nepsbench.home import data_home
    from nepsbench_airflow.choice import chosen_campaign

    context = get_current_context()
    searches = searches_of(chosen_campaign(context), data_home())
    if searches is None:
        raise AirflowSkipException("the campaign is neither of searches nor of what they found")
    return str(write_searches(searches, data_home(), release=context["params"].get("judge")))


def train_found(*, dag_id: str) -> Any:
    """Return the tasks that start the training of what was found, if the form says how.

    Args:
        dag_id: Of the DAG that trains.
    """

    @task
    def form_of_finals() -> dict[str, Any]:
        """Make the form of the campaign that trains what was found."""
        from nepsbench.campaign.searches import finals_form, read_finals
        from nepsbench.home import data_home
        from nepsbench_airflow.choice import chosen_campaign

        context = get_current_context()
        finals = context["params"].get("finals")
        if not finals:
            raise AirflowSkipException("the form does not say how to train what was found")
        form = finals_form(chosen_campaign(context), data_home(), read_finals(finals))
        return {**form, "judge": context["params"].get("judge")}

    @task_group(group_id="train_found")
    def follow() -> None:
        # A run that is there already is this one's: cleared, it goes on.
        TriggerDagRunOperator(
            task_id="trigger",
            trigger_dag_id=dag_id,
            trigger_run_id="{{ run_id }}-finals",
            conf=form_of_finals(),  # type: ignore[arg-type]
            reset_dag_run=True,
            doc_md="Start a run that trains what was found.",
        )

    return follow()
