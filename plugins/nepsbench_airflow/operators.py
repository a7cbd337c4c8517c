"""The operator that runs a stage's jobs on a cluster, and waits for them without a worker slot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import BaseOperator

from nepsbench_airflow.tasks import no_retry_for_mistakes

if TYPE_CHECKING:
    from nepsbench.campaign.form import Campaign
    from nepsbench.cluster import Cluster, Handle, Job


class ClusterJobsOperator(BaseOperator):
    """Submits the jobs of a stage, defers until all have ended, and fails if one did not succeed.

    A job that runs or has succeeded is adopted, never submitted twice: clearing or retrying the
    task goes on with what is there. Killing the task cancels the jobs.

    Args:
        stage: ``initialize``, or ``wave``: the newest plan of the wave.
        wave: For ``wave``: an XCom template that gives the milestone in epochs.
    """

    template_fields = ("wave",)

    def __init__(
        self, *, stage: Literal["initialize", "wave"], wave: str | int = "", **arguments: Any
    ) -> None:
        super().__init__(**arguments)
        self.stage = stage
        self.wave = wave
        self._submitted: tuple[str, list[Handle]] | None = None

    def execute(self, context: Mapping[str, Any]) -> None:
        """Submit or adopt the jobs, and defer."""
        with no_retry_for_mistakes():
            self._submit_and_defer(context)

    def _submit_and_defer(self, context: Mapping[str, Any], *, trained: int = -1) -> None:
        from nepsbench.campaign.owners import claim
        from nepsbench.home import data_home
        from nepsbench_airflow.choice import chosen_campaign
        from nepsbench_airflow.connection import open_airflow_cluster
        from nepsbench_airflow.triggers import ClusterJobsTrigger

        campaign = chosen_campaign(context)
        owner = _owner(context)
        with open_airflow_cluster(campaign.cluster) as cluster:
            jobs = self._jobs(campaign, cluster)
            claim(data_home(), campaign.name, [job.key for job in jobs], owner)
            handles: list[Handle] = []
            self._submitted = (campaign.cluster, handles)
            for job in jobs:
                handles.append(cluster.submit(job))
                self.log.info("job %s is %s on %s", job.key, handles[-1].job_id, cluster.file.name)
        if not handles:
            self.log.info("nothing is left to run")
            return
        submitted = [asdict(handle) for handle in handles]
        self.defer(
            trigger=ClusterJobsTrigger(
                cluster=campaign.cluster,
                campaign=campaign.name,
                owner=owner,
                handles=submitted,
            ),
            method_name="finish",
            kwargs={"handles": submitted, "trained": trained},
        )

    def finish(
        self,
        context: Mapping[str, Any],
        event: dict[str, dict[str, Any]],
        handles: list[dict[str, str]],
        trained: int,
    ) -> None:
        """Judge how the jobs ended; those that stopped in time with trials left run again.

        Raises:
            ClusterError: If one did not succeed, or stopped without having trained an epoch.
        """
        from nepsbench.campaign.progress import count_records
        from nepsbench.cluster import Handle, JobState, Phase
        from nepsbench.cluster.waiting import describe, require_success, trials_remain
        from nepsbench.errors import ClusterError
        from nepsbench_airflow.choice import chosen_campaign
        from nepsbench_airflow.connection import open_airflow_cluster

        # SQLite gives a deleted trigger's number to the next, whose task it may then wake.
        submitted = [Handle(**handle) for handle in handles]
        if set(event) != {handle.key for handle in submitted}:
            raise ClusterError("another task's trigger woke this task; it will look again")
        states = {
            key: JobState(**{**state, "phase": Phase(state["phase"])})
            for key, state in event.items()
        }
        for key, state in states.items():
            self.log.info("job %s: %s", key, describe(state))
        with open_airflow_cluster(chosen_campaign(context).cluster) as cluster:
            _, now = count_records(cluster, [handle.directory for handle in submitted])
            if not (trials_remain(states) and now > trained):
                require_success(cluster, submitted, states)
                return
        self.log.info("%d epochs are trained, trials are left: going on", now)
        self._submit_and_defer(context, trained=now)

    def on_kill(self) -> None:
        """Cancel what was submitted by this very process, before it deferred."""
        from nepsbench_airflow.connection import open_airflow_cluster

        if self._submitted and self._submitted[1]:
            with open_airflow_cluster(self._submitted[0]) as cluster:
                cluster.cancel(self._submitted[1])

    def _jobs(self, campaign: Campaign, cluster: Cluster) -> list[Job]:
        from nepsbench.campaign.initialize import initialize_job
        from nepsbench.campaign.wave import current_plan, wave_jobs
        from nepsbench.home import data_home

        if self.stage == "initialize":
            return [initialize_job(campaign, data_home(), cluster)]
        wave = current_plan(campaign, int(self.wave), data_home())
        return wave_jobs(campaign, wave, cluster)


def _owner(context: Mapping[str, Any]) -> str:
    """Return a name for this task of this run; all its tries have the same."""
    ti = context["ti"]
    return f"{ti.dag_id}/{ti.run_id}/{ti.task_id}"
