"""A model of a SLURM site for the property test: what may happen there, without time or text.

It does what docs/reliability.md says of the site: sbatch may work although its answer is lost, or
long after, or twice; rows are forgotten; jobs are killed, preempted and requeued; the gate and the
exit marker are files. The real site's texts are tested elsewhere; here the order of events is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from nepsbench.cluster.conversation import (
    Answer,
    End,
    Facts,
    Finding,
    Orders,
    Place,
    Receipt,
    Row,
    Submission,
    Target,
    Verdict,
)
from nepsbench.cluster.definition import ClusterFile, Limits, Ssh
from nepsbench.errors import ClusterError


@dataclass
class Task:
    """One array index of one job of the queue."""

    job_id: str
    place: Place
    key: str
    state: str = "PENDING"
    held: bool = True
    visible: bool = True
    has_begun: bool = False

    @property
    def is_alive(self) -> bool:
        return self.state in ("PENDING", "RUNNING")


@dataclass
class Run:
    """What a payload did: it began, and perhaps it succeeded."""

    key: str
    place: Place
    job_id: str
    succeeded: bool = False


@dataclass
class Site:
    """The queue, and the files below ``submissions``."""

    tasks: list[Task] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    claims: dict[Place, str] = field(default_factory=dict)
    revoked: set[Place] = field(default_factory=set)
    ends: dict[Place, End] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    under_way: list[Submission] = field(default_factory=list)
    answers: bool = True
    holds: bool = True
    number: int = 100
    clock: int = 0

    # -- what the visit's script does ----------------------------------------------------------

    def carry_out(self, orders: Orders, *, last: int | None = None) -> Answer:
        """Do what a visit's script does; ``last``: it is cut before that many submissions."""
        for target in orders.cancel:
            self.cancel(target)
        chosen = orders.submit if last is None else orders.submit[:last]
        receipts = {s.token: self.submit(s) for s in chosen}
        receipts |= {s.token: self.look(s.token) for s in orders.look}
        findings = {place: Finding("words", memory=False) for place, _ in orders.examine}
        ends = {p: end for p, end in self.ends.items() if p.token in orders.watch}
        rows = tuple(self._rows()) if self.answers else None
        facts = Facts(max_array_size=3, message_timeout=5) if orders.facts else None
        return Answer(self.clock, rows, "", receipts, ends, None, findings, {}, facts)

    def submit(self, submission: Submission) -> Receipt:
        """What the script does for one submission, under its lock."""
        found = self.look(submission.token)
        if found.verdict is not Verdict.ABSENT:
            return found
        if any(place.token == submission.token for place in self.revoked):
            return Receipt(Verdict.UNKNOWN)
        self.revoked |= set(submission.supersedes)
        job_id = self.sbatch(submission)
        self._record(submission.token, job_id)
        return Receipt(Verdict.ACCEPTED, job_id)

    def sbatch(self, submission: Submission) -> str:
        """Make a job, held unless the site forbids that, as one call of sbatch does."""
        self.number += 1
        self.tasks += [
            Task(str(self.number), Place(submission.token, index), job.key, held=self.holds)
            for index, job in enumerate(submission.jobs)
        ]
        return str(self.number)

    def look(self, token: str) -> Receipt:
        """Find what became of a token, and adopt it."""
        if token in self.ids:
            self._record(token, self.ids[token])
            return Receipt(Verdict.ACCEPTED, self.ids[token])
        if not self.answers:
            return Receipt(Verdict.UNKNOWN)
        for task in self.tasks:
            if task.place.token == token and task.visible and task.is_alive:
                self._record(token, task.job_id)
                return Receipt(Verdict.ACCEPTED, task.job_id)
        for place, job_id in self.claims.items():
            if place.token == token:
                self._record(token, job_id)
                return Receipt(Verdict.ACCEPTED, job_id)
        return Receipt(Verdict.ABSENT)

    def cancel(self, target: Target) -> None:
        for task in self.tasks:
            chosen = not target.indices or task.place.index in target.indices
            if task.job_id == target.job_id and chosen and task.is_alive:
                self.end(task, 143, "terminated", state="CANCELLED")

    def _record(self, token: str, job_id: str) -> None:
        self.ids[token] = job_id
        for task in self.tasks:
            if task.job_id == job_id:
                task.held = False

    def _rows(self) -> Iterator[Row]:
        for task in self.tasks:
            if task.visible:
                span = ((task.place.index, task.place.index),)
                yield Row(task.place.token, task.job_id, span, task.state)

    # -- what happens there --------------------------------------------------------------------

    def begin(self, task: Task) -> None:
        """A held job never begins; a job passes its gate or ends without a trace."""
        if task.held or task.state != "PENDING":
            return
        superseded = task.place in self.revoked
        owner = self.claims.setdefault(task.place, task.job_id) if not superseded else ""
        if owner != task.job_id:
            task.state = "FAILED"
            return
        task.state, task.has_begun = "RUNNING", True
        self.ends.pop(task.place, None)
        self.runs.append(Run(task.key, task.place, task.job_id))

    def end(
        self, task: Task, code: int, why: str = "", *, valid: bool = False, state: str = ""
    ) -> None:
        """A job ends; one that had begun leaves its marker."""
        if task.has_begun and task.state == "RUNNING":
            self.ends[task.place] = End(code, task.job_id, why, 1 if valid else -1, valid)
            if code == 0 and valid:
                self._run_of(task).succeeded = True
        task.state = state or ("COMPLETED" if code == 0 else "FAILED")

    def vanish(self, task: Task, state: str) -> None:
        """A job is killed so hard that it leaves no marker."""
        task.state = state

    def requeue(self, task: Task) -> None:
        """SLURM puts a running job back under the same id; its marker may say that it was ended."""
        if task.state == "RUNNING":
            self.ends[task.place] = End(143, task.job_id, "terminated")
            task.state = "PENDING"

    def _run_of(self, task: Task) -> Run:
        return [run for run in self.runs if run.place == task.place][-1]


class UnreachableError(ClusterError):
    """The connection failed."""


@dataclass
class ModelCluster:
    """What the driver sees of the site: an open cluster whose visits go wrong as told.

    Attributes:
        site: The site.
        mishap: What befalls the next visit: ``refused``: nothing arrives; ``cut``: all is done,
            the answer is lost; ``half``: the first submission is done, then all is cut; ``late``:
            the submissions are done later, by a command that nobody waits for; ``silent``: the
            queue does not answer.
    """

    site: Site
    mishap: str = ""
    file: ClusterFile = field(
        default_factory=lambda: ClusterFile(
            name="model",
            kind="slurm",
            ssh=Ssh(host="nowhere"),
            root="/root",
            limits=Limits(cpus_per_node=1),
            poll_interval=1,
        )
    )

    def visit(self, orders: Orders) -> Answer:
        mishap, self.mishap = self.mishap, ""
        if mishap == "refused":
            raise UnreachableError("refused")
        if mishap == "late":
            self.site.under_way += orders.submit
            raise UnreachableError("no answer in time")
        if mishap in ("cut", "half"):
            self.site.carry_out(orders, last=1 if mishap == "half" else None)
            raise UnreachableError("the answer was cut short")
        self.site.answers = mishap != "silent"
        try:
            return self.site.carry_out(orders)
        finally:
            self.site.answers = True
