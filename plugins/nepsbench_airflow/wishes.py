"""What the jobs of a stage are: on which cluster they are wanted, and how they are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from nepsbench.cluster import Cluster, Job

Stage = Literal["initialize", "wave", "prepare audit", "audit"]


@dataclass(frozen=True)
class Wish:
    """The jobs that a task wants done.

    Attributes:
        cluster: The name of the cluster.
        jobs: Sends their input to the open cluster and returns them; none if nothing is left.
    """

    cluster: str
    jobs: Callable[[Cluster], list[Job]]


def wish_of(
    stage: Stage, context: Mapping[str, Any], *, wave: str | int = "", audit: str = ""
) -> Wish:
    """Return what a stage wants in this run.

    Args:
        stage: Which stage.
        context: The task's.
        wave: For ``wave``: the milestone, of which the newest plan counts.
        audit: For the stages of an audit: its id.
    """
    if stage in ("prepare audit", "audit"):
        return _wish_of_audit(stage, audit)
    from nepsbench.campaign.initialize import initialize_job
    from nepsbench.campaign.wave import current_plan, wave_jobs
    from nepsbench.home import data_home
    from nepsbench_airflow.choice import chosen_campaign

    campaign, home = chosen_campaign(context), data_home()

    def jobs(cluster: Cluster) -> list[Job]:
        if stage == "initialize":
            return [initialize_job(campaign, home, cluster)]
        return wave_jobs(campaign, current_plan(campaign, int(wave), home), home, cluster)

    return Wish(campaign.cluster, jobs)


def _wish_of_audit(stage: Stage, name: str) -> Wish:
    from nepsbench.audit.environment import environment_job
    from nepsbench.audit.retraining import audit_jobs, is_trained
    from nepsbench.audit.sample import Audit
    from nepsbench.home import data_home

    audit = Audit(data_home(), name)

    def jobs(cluster: Cluster) -> list[Job]:
        if is_trained(audit):
            return []
        return audit_jobs(audit, cluster) if stage == "audit" else [environment_job(audit, cluster)]

    return Wish(audit.form.cluster, jobs)
