"""The trigger that waits for a stage's jobs: one poll for all of them, whatever their number."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from nepsbench.cluster import Cluster, Handle, Snapshot

#: States of a task that nobody will go on with.
_ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


class ClusterJobsTrigger(BaseTrigger):
    """Fires once, when every job has ended, with the state of each."""

    def __init__(
        self, *, cluster: str, campaign: str, owner: str, handles: list[dict[str, str]]
    ) -> None:
        super().__init__()
        self.cluster = cluster
        self.campaign = campaign
        self.owner = owner
        self.handles = handles

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and what makes this trigger again in another process."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "cluster": self.cluster,
            "campaign": self.campaign,
            "owner": self.owner,
            "handles": self.handles,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until all jobs have ended."""
        from nepsbench.cluster import LostCounter

        counter = LostCounter()
        cluster = await asyncio.to_thread(self._open)
        told: dict[str, str] = {}
        try:
            while True:
                snapshot = counter.settle(await asyncio.to_thread(cluster.poll, self._handles()))
                self._tell(snapshot, told)
                if snapshot.all_final:
                    break
                await asyncio.sleep(cluster.file.poll_interval)
        finally:
            await asyncio.to_thread(cluster.close)
        yield TriggerEvent({key: asdict(state) for key, state in snapshot.states.items()})

    async def on_kill(self) -> None:
        """Cancel the jobs, if a person ended this task and no other run waits for them.

        Airflow calls this in two more cases, in which they run on: when the task is cleared, for
        the next try adopts them; and when this triggerer was thought dead and another took over.
        """
        await asyncio.to_thread(self._cancel_unwanted)

    def _cancel_unwanted(self) -> None:
        from nepsbench.campaign.owners import owned
        from nepsbench.home import data_home

        state = self._task_state()
        if state not in _ENDED:
            self.log.info("the task is %s: its jobs run on", state or "to run again")
            return
        keys = [handle["key"] for handle in self.handles]
        mine = set(owned(data_home(), self.campaign, keys, self.owner))
        if mine:
            with self._open() as cluster:
                cluster.cancel([handle for handle in self._handles() if handle.key in mine])
        self.log.info("cancelled %d jobs; another run owns %d", len(mine), len(keys) - len(mine))

    def _task_state(self) -> str | None:
        """Return the task's state in Airflow's database; a task that is gone counts as removed."""
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

        ti = self.task_instance
        states = RuntimeTaskInstance.get_task_states(
            dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id]
        )
        state: str | None = states.get(ti.run_id, {}).get(ti.task_id, "removed")
        return state

    def _open(self) -> Cluster:
        from nepsbench_airflow.connection import open_airflow_cluster

        return open_airflow_cluster(self.cluster)

    def _handles(self) -> list[Handle]:
        from nepsbench.cluster import Handle

        return [Handle(**handle) for handle in self.handles]

    def _tell(self, snapshot: Snapshot, told: dict[str, str]) -> None:
        """Log what is new since the last poll."""
        from nepsbench.cluster.waiting import describe

        if not snapshot.healthy:
            self.log.warning("cluster %s did not answer: %s", self.cluster, snapshot.problem)
        for key, state in snapshot.states.items():
            text = describe(state)
            if told.get(key) != text:
                told[key] = text
                self.log.info("job %s: %s", key, text)
