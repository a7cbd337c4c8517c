"""Who waits for a job, as the ledger names it: one try of one task, or somebody without Airflow."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nepsbench.cluster.ledger import Ledger

#: States of a task that nobody will go on with.
ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
_FORM = re.compile(
    r"(?P<dag>[^/]+)/(?P<run>.+)/(?P<task>[^/\[\]#]+)(\[(?P<map_index>\d+)\])?#(?P<number>\d+)"
)


@dataclass(frozen=True)
class TaskTry:
    """One try of one task; its text is the owner's name in the ledger.

    The try belongs to the name, so that what an earlier try still does late cannot touch the jobs
    that a later one has adopted.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    number: int

    def __str__(self) -> str:
        index = f"[{self.map_index}]" if self.map_index >= 0 else ""
        return f"{self.dag_id}/{self.run_id}/{self.task_id}{index}#{self.number}"


def owner_of(context: Mapping[str, Any]) -> TaskTry:
    """Return the try that runs in this context."""
    ti = context["ti"]
    index = -1 if ti.map_index is None else ti.map_index
    return TaskTry(ti.dag_id, ti.run_id, ti.task_id, index, ti.try_number)


def parse_owner(owner: str) -> TaskTry | None:
    """Return the try of that name, or None if it names somebody outside Airflow."""
    match = _FORM.fullmatch(owner)
    if match is None:
        return None
    index = int(match["map_index"] or -1)
    return TaskTry(match["dag"], match["run"], match["task"], index, int(match["number"]))


def task_state(task: TaskTry) -> str | None:
    """Return the task's present state in Airflow's database, whatever its try; None: to run again.

    A task that is gone counts as ``removed``. Works in a task and in a trigger's thread.
    """
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    mapped = task.map_index >= 0
    states = RuntimeTaskInstance.get_task_states(
        dag_id=task.dag_id,
        task_ids=[task.task_id],
        run_ids=[task.run_id],
        map_index=task.map_index if mapped else None,
    )
    name = f"{task.task_id}_{task.map_index}" if mapped else task.task_id
    state: str | None = states.get(task.run_id, {}).get(name, "removed")
    return state


def give_up_orphans(
    ledger: Ledger, cluster: str, state_of: Callable[[TaskTry], str | None] = task_state
) -> dict[str, str]:
    """Give up the jobs of tasks that have ended and told nobody; return key and owner of each.

    So it happens when a person marks a task as failed while no triggerer runs.
    """
    owners: dict[str, list[str]] = {}
    for work in ledger.works(cluster=cluster, open_only=True).values():
        if work.wanted:
            owners.setdefault(work.owner, []).append(work.key)
    given_up: dict[str, str] = {}
    for owner, keys in owners.items():
        task = parse_owner(owner)
        if task is not None and state_of(task) in ENDED:
            given_up |= dict.fromkeys(ledger.unwant(keys, owner), owner)
    return given_up
