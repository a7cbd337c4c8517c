"""The trigger that waits for a stage's jobs; all triggers of a cluster share one driver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from nepsbench_airflow.owners import ENDED, parse_owner, task_state
from nepsbench_airflow.shared_driver import settle_within, wait_for

if TYPE_CHECKING:
    from nepsbench_airflow.driver_seat import News

#: Seconds that a kill waits for the jobs to end. Whoever drives ends the rest.
KILL_PATIENCE = 120.0
#: Kills under way. Airflow (3.3.2) cancels a trigger again with each message from its supervisor,
#: about once a second, until it is gone: so what a kill does must not hang on the trigger.
_kills: set[asyncio.Task[None]] = set()
#: Changes that are told one by one after a tick; the rest is counted.
_TOLD = 20


class ClusterJobsTrigger(BaseTrigger):
    """Fires once, when every job is settled. How, stands in the ledger.

    Args:
        cluster: Where the jobs run.
        keys: The jobs.
        owner: Who wants them: the try of the task that deferred.
    """

    def __init__(self, *, cluster: str, keys: list[str], owner: str) -> None:
        super().__init__()
        self.cluster = cluster
        self.keys = keys
        self.owner = owner
        self._told: dict[str, str] = {}
        self._problem = ""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and what makes this trigger again in another process."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "cluster": self.cluster,
            "keys": self.keys,
            "owner": self.owner,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait until all jobs are settled, or nobody can ever tell."""
        from nepsbench.errors import AccessError, SpecError
        from nepsbench.home import data_home

        problem = ""
        try:
            async with wait_for(data_home(), self.cluster, self.keys) as waiter:
                async for news in waiter.news():
                    self._tell(news)
        except (AccessError, SpecError) as error:
            problem = str(error)
        yield TriggerEvent({"owner": self.owner, "problem": problem})

    async def on_kill(self) -> None:
        """Cancel the jobs, if a person ended this task and no later try or other run owns them.

        Airflow calls this in two more cases, in which they run on: when the task is cleared, for
        the next try adopts them; and when this triggerer was thought dead and another took over.
        """
        kill = asyncio.create_task(self._kill(), name=f"kill of {self.owner}")
        _kills.add(kill)
        kill.add_done_callback(_kills.discard)
        await asyncio.shield(kill)

    async def _kill(self) -> None:
        from nepsbench.home import data_home

        if not (given_up := await asyncio.to_thread(self._give_up)):
            return
        ended = await settle_within(
            KILL_PATIENCE, data_home(), self.cluster, given_up, tell=self._tell
        )
        if ended:
            self.log.info("cancelled %d jobs", len(given_up))
        else:
            self.log.info("they have not ended yet; whoever drives the cluster goes on with it")

    def _give_up(self) -> list[str]:
        """Give up the jobs that are this try's and not wanted any more, and return their keys."""
        from nepsbench.cluster.ledger import open_ledger
        from nepsbench.home import data_home

        task = parse_owner(self.owner)
        state = task_state(task) if task else "removed"
        if state not in ENDED:
            self.log.info("the task is %s: its jobs run on", state or "to run again")
            return []
        with open_ledger(data_home()) as ledger:
            given_up = ledger.unwant(self.keys, self.owner)
        kept = len(self.keys) - len(given_up)
        self.log.info("the task is %s: cancelling %d jobs", state, len(given_up))
        if kept:
            self.log.info("%d jobs have ended, or another run owns them", kept)
        return given_up

    def _tell(self, news: News) -> None:
        """Log what is new."""
        from nepsbench.cluster.attempt import describe

        changed = []
        for key, attempt in news.attempts.items():
            number = f" ({attempt.job_id})" if attempt.job_id else ""
            text = f"job {key}, attempt {attempt.generation}{number}: {describe(attempt)}"
            if self._told.get(key) != text:
                self._told[key] = text
                changed.append(text)
        for text in changed[:_TOLD]:
            self.log.info("%s", text)
        if len(changed) > _TOLD:
            self.log.info("%d more jobs changed", len(changed) - _TOLD)
        for key, line in news.output:
            self.log.info("%s | %s", key, line)
        self._tell_health(news)

    def _tell_health(self, news: News) -> None:
        problem = news.tick.problem if news.tick and not news.tick.healthy else ""
        if problem and problem != self._problem:
            self.log.warning("cluster %s did not answer: %s", self.cluster, problem)
        if self._problem and not problem:
            self.log.info("cluster %s answers again", self.cluster)
        self._problem = problem
