"""The operator that wants a stage's jobs done, and waits for them without a worker slot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.bases.operator import TRIGGER_FAIL_REPR, TriggerFailureReason
from airflow.sdk.exceptions import AirflowFailException

from nepsbench_airflow.links import JOBS_KEY, ClusterJobsLink
from nepsbench_airflow.owners import owner_of
from nepsbench_airflow.tasks import no_retry_for_mistakes
from nepsbench_airflow.wishes import Stage, wish_of

if TYPE_CHECKING:
    from nepsbench.cluster.attempt import Work

#: Seconds that a task whose time is over waits for its jobs to end; whoever drives ends the rest.
_KILL_PATIENCE = 30.0


@dataclass(frozen=True)
class _Wait:
    """What the task waits for; survives a deferral as the method's arguments.

    Attributes:
        cluster: Where the jobs run.
        keys: The jobs.
        until: When the wait ends, in seconds since the epoch; None for never.
    """

    cluster: str
    keys: list[str]
    until: float | None

    @property
    def left(self) -> timedelta | None:
        """How long it may go on."""
        return None if self.until is None else timedelta(seconds=max(1, self.until - time.time()))


class ClusterJobsOperator(BaseOperator):
    """Wants the jobs of a stage done, defers until all are settled, fails if one did not succeed.

    It writes into the ledger what it wants; the triggerer's driver submits, watches, and recovers
    by cause. A job that runs or has succeeded is adopted, never submitted twice: clearing or
    retrying the task goes on with what is there. Killing the task cancels the jobs.

    Args:
        stage: Whose jobs; see ``nepsbench_airflow.wishes``.
        wave: For ``wave``: an XCom that gives the milestone in epochs.
        audit: For the stages of an audit: an XCom that gives its id.
    """

    template_fields = ("wave", "audit")
    operator_extra_links = (ClusterJobsLink(),)

    def __init__(
        self, *, stage: Stage, wave: str | int = "", audit: str = "", **arguments: Any
    ) -> None:
        super().__init__(**arguments)
        self.stage = stage
        self.wave = wave
        self.audit = audit
        self._wanted: tuple[list[str], str] | None = None

    def execute(self, context: Mapping[str, Any]) -> None:
        """Send the jobs' input, want them done, and defer."""
        with no_retry_for_mistakes():
            self._want_and_defer(context)

    def _want_and_defer(self, context: Mapping[str, Any]) -> None:
        from nepsbench.cluster.ledger import open_ledger
        from nepsbench.home import data_home
        from nepsbench_airflow.connection import open_airflow_cluster

        wish = wish_of(self.stage, context, wave=self.wave, audit=self.audit)
        with open_airflow_cluster(wish.cluster) as cluster:
            jobs = wish.jobs(cluster)
            patience = cluster.file.limits.max_wait
        if not jobs:
            self.log.info("nothing is left to run")
            return
        owner = str(owner_of(context))
        keys = [job.key for job in jobs]
        self._wanted = (keys, owner)
        with open_ledger(data_home()) as ledger:
            ledger.want(wish.cluster, jobs, owner)
        self.log.info("%d jobs are wanted on %s: %s", len(keys), wish.cluster, _some(keys))
        context["ti"].xcom_push(JOBS_KEY, {"cluster": wish.cluster, "keys": keys})
        until = None if patience is None else time.time() + patience
        self._defer(_Wait(wish.cluster, keys, until), owner)

    def _defer(self, wait: _Wait, owner: str) -> None:
        from nepsbench_airflow.triggers import ClusterJobsTrigger

        self.defer(
            trigger=ClusterJobsTrigger(cluster=wait.cluster, keys=wait.keys, owner=owner),
            method_name="finish",
            kwargs={"cluster": wait.cluster, "keys": wait.keys, "until": wait.until},
            timeout=wait.left,
        )

    def finish(
        self,
        context: Mapping[str, Any],
        event: dict[str, str],
        cluster: str,
        keys: list[str],
        until: float | None,
    ) -> None:
        """Judge what the ledger says of the jobs.

        Raises:
            AirflowFailException: If one did not succeed: each cause had its retries already.
        """
        from nepsbench.cluster.attempt import Outcome, describe
        from nepsbench.cluster.ledger import open_ledger
        from nepsbench.cluster.waiting import require_success
        from nepsbench.errors import ClusterError
        from nepsbench.home import data_home

        owner = str(owner_of(context))
        # SQLite gives a deleted trigger's number to the next, whose task it may then wake.
        if event.get("owner") == owner and event.get("problem"):
            raise AirflowFailException(event["problem"])
        with open_ledger(data_home()) as ledger:
            works = ledger.works(keys)
            for key, attempt in ledger.latest(keys).items():
                self.log.info("job %s, attempt %d: %s", key, attempt.generation, describe(attempt))
            if any(work.outcome is Outcome.OPEN for work in works.values()):
                self.log.info("woken too early, by another task's trigger: waiting on")
                self._defer(_Wait(cluster, keys, until), owner)
            if lost := _taken_away(works, keys, owner):
                self.log.info("others gave up %s: wanting them again", _some(lost))
                return self.execute(context)
            try:
                require_success(ledger, keys)
            except ClusterError as error:
                raise AirflowFailException(str(error)) from None

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any
    ) -> Any:
        """Go on after a deferral; where it lasted too long, cancel the jobs and say so.

        Raises:
            AirflowFailException: If the wait lasted longer than the cluster's ``max_wait``.
        """
        reason = (next_kwargs or {}).get("error")
        if next_method != TRIGGER_FAIL_REPR or reason != TriggerFailureReason.TRIGGER_TIMEOUT:
            return super().resume_execution(next_method, next_kwargs, context)
        given_up = self._give_up(str(owner_of(context)))
        raise AirflowFailException(
            f"the jobs did not end within the cluster's limits.max_wait; {len(given_up)} were "
            f"cancelled ({_some(given_up)}); raise max_wait and clear this task to go on with them"
        )

    def on_kill(self) -> None:
        """Give up what this very process wanted, before it deferred; whoever drives cancels it."""
        from nepsbench.cluster.ledger import open_ledger
        from nepsbench.home import data_home

        if self._wanted is not None:
            with open_ledger(data_home()) as ledger:
                ledger.unwant(*self._wanted)

    def _give_up(self, owner: str) -> list[str]:
        """Give up all that this try wants, and wait for a while until it has ended."""
        from nepsbench.cluster.ledger import open_ledger
        from nepsbench.errors import AccessError
        from nepsbench.home import data_home
        from nepsbench_airflow.shared_driver import settle_within

        with open_ledger(data_home()) as ledger:
            mine = [w for w in ledger.works(open_only=True).values() if w.owner == owner]
            given_up = ledger.unwant([work.key for work in mine], owner)
        for cluster in sorted({work.cluster for work in mine}):
            try:
                asyncio.run(settle_within(_KILL_PATIENCE, data_home(), cluster, given_up))
            except AccessError as error:
                self.log.warning("%s", error)
        return given_up


def _taken_away(works: Mapping[str, Work], keys: Sequence[str], owner: str) -> list[str]:
    """Return the jobs that somebody else wanted after us and then gave up, or that are unknown."""
    from nepsbench.cluster.attempt import Outcome

    def is_taken(key: str) -> bool:
        work = works.get(key)
        return work is None or (work.outcome is Outcome.CANCELLED and work.owner != owner)

    return [key for key in keys if is_taken(key)]


def _some(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    return ", ".join(keys[:3]) + more
