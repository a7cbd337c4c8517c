"""How a cluster's jobs stand, as the ledger tells it: for a terminal and for a page. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from nepsbench.cluster.attempt import Attempt, Cause, Outcome, Work
from nepsbench.cluster.conversation import Facts
from nepsbench.cluster.interface import Phase
from nepsbench.cluster.recovery import Budgets
from nepsbench.cluster.tick import Tick

#: Words of the queue for a job that nothing but a person sets free.
_HELD = frozenset({"JobHeldUser", "JobHeldAdmin", "REQUEUE_HOLD", "SPECIAL_EXIT"})
#: Seconds beyond the next due visit after which nobody seems to drive the cluster.
_PATIENCE = 60.0


@dataclass(frozen=True)
class JobLine:
    """One attempt at a job, or a job that was not submitted yet.

    Attributes:
        key: The job's key.
        attempt: The attempt's number, 0 before the first.
        phase: What is known of it; ``waiting`` before it was submitted.
        job_id: The queue's number; of an array, with the job's index.
        state: The queue's own word.
        node: Where it runs or ran.
        why: Why it waits, in the queue's words.
        start: When it began or is expected to begin, in the queue's words.
        wrong: What a person should know, a phrase each; empty if all is well.
        owner: Who wants it.
        outcome: What became of the job.
        directory: Its folder on the cluster, with ``stdout`` and ``stderr``.
        failure: Why the last attempt that had ended by then failed, in one word; empty if none did.
    """

    key: str
    attempt: int
    phase: str
    job_id: str
    state: str
    node: str
    why: str
    start: str
    wrong: tuple[str, ...]
    owner: str
    outcome: str
    directory: str
    failure: str = ""

    @property
    def begin(self) -> str:
        """When it began, or in words when it is expected to."""
        is_guess = self.start and self.phase == Phase.QUEUED.value
        return f"expected {self.start}" if is_guess else self.start


@dataclass(frozen=True)
class ClusterStatus:
    """One cluster.

    Attributes:
        cluster: Its name.
        age: Seconds since the last tick, or None if there was none.
        healthy: Whether that tick was answered.
        notices: What a person should know of the cluster as a whole, a sentence each.
        jobs: Its jobs.
    """

    cluster: str
    age: float | None
    healthy: bool
    notices: tuple[str, ...]
    jobs: tuple[JobLine, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def job_lines(
    works: Iterable[Work], attempts: Sequence[Attempt], budgets: Budgets, now: float
) -> list[JobLine]:
    """Return a line for each attempt at each of ``works``, oldest first.

    Args:
        works: The jobs.
        attempts: Theirs; of an open work, all of its present round.
        budgets: How many failures of a cause are followed by another attempt.
        now: Seconds since the epoch.
    """
    known: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        known.setdefault(attempt.key, []).append(attempt)
    sizes = Counter(attempt.place.token for attempt in attempts)
    arrays = frozenset(token for token, size in sizes.items() if size > 1)
    lines = []
    for work in works:
        own = known.get(work.key, [])
        failure = ""
        for attempt in own:
            failure = attempt.cause.value if attempt.cause is not None else failure
            line = _attempt_line(work, attempt, own, budgets, now)
            lines.append(replace(line, job_id=_job_name(attempt, arrays), failure=failure))
        if work.outcome is Outcome.OPEN and not (own and own[-1].is_open):
            lines.append(replace(_waiting_line(work, own, budgets), failure=failure))
    return lines


def _attempt_line(
    work: Work, attempt: Attempt, own: Sequence[Attempt], budgets: Budgets, now: float
) -> JobLine:
    is_latest = attempt is own[-1]
    wrong = [_ending(attempt)] if attempt.cause is not None else _doubts(attempt, now)
    if is_latest and attempt.is_open:
        wrong += _history(work, own[:-1], budgets)
        wrong += [] if work.wanted else ["given up: it is being cancelled"]
    if is_latest and work.outcome in (Outcome.FAILED, Outcome.CANCELLED):
        wrong = [work.why]
    return JobLine(
        key=work.key,
        attempt=attempt.generation,
        phase=attempt.phase.value,
        job_id=attempt.job_id,
        state=attempt.native,
        node=attempt.node,
        why=attempt.reason if attempt.reason != "None" else "",
        start=attempt.start,
        wrong=tuple(text for text in wrong if text),
        owner=work.owner,
        outcome=work.outcome.value,
        directory=work.job.directory,
    )


def _job_name(attempt: Attempt, arrays: frozenset[str]) -> str:
    """Return the queue's name of a job: of an array's, with its index."""
    number, separator, cluster = attempt.job_id.partition(";")
    in_array = attempt.place.index > 0 or attempt.place.token in arrays
    index = f"_{attempt.place.index}" if number and in_array else ""
    return f"{number}{index}{separator}{cluster}"


def _waiting_line(work: Work, own: Sequence[Attempt], budgets: Budgets) -> JobLine:
    """Return the line of a job whose next attempt was not submitted yet."""
    return JobLine(
        key=work.key,
        attempt=own[-1].generation + 1 if own else 1,
        phase="waiting",
        job_id="",
        state="",
        node="",
        why="not submitted yet",
        start="",
        wrong=tuple(_history(work, own, budgets)),
        owner=work.owner,
        outcome=work.outcome.value,
        directory=work.job.directory,
    )


def _ending(attempt: Attempt) -> str:
    """Return how an attempt ended, beyond its phase and the queue's words."""
    parts = []
    if attempt.cause is not None and attempt.cause.value != attempt.phase.value:
        parts.append(f"cause {attempt.cause.value}")
    if attempt.exit_code is not None:
        parts.append(f"exit code {attempt.exit_code}")
    if attempt.said:
        parts.append(attempt.said)
    return ", ".join(parts)


def _doubts(attempt: Attempt, now: float) -> list[str]:
    """Return what is strange about an attempt that has not ended."""
    looks = f"{attempt.misses} looks" if attempt.misses != 1 else "one look"
    if attempt.phase is Phase.MISSING:
        return [f"neither in the queue nor ended for {looks}, {_span(now - attempt.since)}"]
    if attempt.phase is Phase.SENT:
        found = f", not found by {looks}" if attempt.misses else ""
        return [f"whether it was submitted is not known yet, {_span(now - attempt.sent)}{found}"]
    if {attempt.native, attempt.reason} & _HELD:
        return [f"it is held; let it go with: scontrol release {attempt.job_id.partition(';')[0]}"]
    return []


def _history(work: Work, before: Sequence[Attempt], budgets: Budgets) -> list[str]:
    """Return how often the present round failed by each cause, and how often it still may."""
    failed: dict[Cause, int] = {}
    for attempt in before:
        if attempt.cause is not None and attempt.round == work.round:
            failed[attempt.cause] = failed.get(attempt.cause, 0) + 1
    return [
        f"before: {cause.value} {_times(count)}, of {budgets.get(cause, 0)} retries for that cause"
        for cause, count in failed.items()
    ]


def notices(ticks: Sequence[Tick], facts: Facts | None, *, has_open: bool, now: float) -> list[str]:
    """Return what is to be said of a cluster as a whole.

    Args:
        ticks: The last ones, newest first.
        facts: What the site said of itself; None where it has no accounting to lack.
        has_open: Whether any job is open.
        now: Seconds since the epoch.
    """
    found = []
    if not ticks:
        return ["nobody drives it yet"] if has_open else []
    last = ticks[0]
    if not last.healthy:
        since = _unhealthy_since(ticks)
        found.append(f"no answer for {_span(now - since)}, {_times(last.failures)}: {last.problem}")
    if has_open and now > last.at + last.next_in + _PATIENCE:
        found.append(
            f"nobody has driven it for {_span(now - last.at)}, though jobs are open: start the "
            f"platform (make up), or run: nepsbench cluster sweep {last.cluster}"
        )
    if last.strays:
        found.append(f"strays in the queue, to be cancelled: {last.strays}")
    if facts is not None and not facts.accounting:
        found.append(
            "degraded: it has no accounting database (slurmdbd); exit markers tell how jobs ended, "
            "the cause of a lost job stays unknown"
        )
    return found


def _unhealthy_since(ticks: Sequence[Tick]) -> float:
    """Return when the present row of failures began, as far as the ticks go back."""
    since = ticks[0].at
    for tick in ticks:
        if tick.visited and tick.healthy:
            break
        since = tick.at
    return since


def text(status: ClusterStatus) -> list[str]:
    """Return a status as lines for a terminal."""
    if status.age is None:
        head = "no tick yet"
    else:
        health = "healthy" if status.healthy else "no answer"
        head = f"last tick {_span(status.age)} ago, {health}"
    lines = [f"cluster {status.cluster}: {head}", *(f"  ! {item}" for item in status.notices)]
    if not status.jobs:
        return [*lines, "no jobs"]
    rows = [_HEAD, *(_cells(job) for job in status.jobs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD) - 1)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return lines


_HEAD = ("PHASE", "TRY", "JOB", "STATE", "NODE", "START", "KEY", "WHY")


def _cells(job: JobLine) -> tuple[str, ...]:
    why = "; ".join(part for part in (job.why, *job.wrong) if part)
    number = str(job.attempt)
    return (job.phase, number, job.job_id, job.state, job.node, job.begin, job.key, why)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _span(seconds: float) -> str:
    """Return a span of time in the largest unit that fits."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
