"""What was recorded against what was trained again: exact, tolerable, or drifted. Pure.

Training promises the same bits on the same software and the same type of CPU. Elsewhere sums may
round otherwise, and such a difference grows with the epochs; a tolerance says how far it may.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from nepsbench.schema import EPOCH_METRICS, TRIAL_METRICS, Metric, Status

#: Where these differ, other bits are no surprise.
EXPLAINING = ("code_version", "torch_version", "python_version", "device")
#: Shown beside them; another host of the same kind must give the same bits.
SHOWN = (*EXPLAINING, "host")

_REPRODUCIBLE_OF_TRIAL = tuple(metric for metric in TRIAL_METRICS if metric.reproducible)
_REPRODUCIBLE = tuple(metric for metric in EPOCH_METRICS if metric.reproducible)
#: What is computed from the configuration alone may differ in its last bits.
_ROUNDING = 1e-9


class Verdict(str, Enum):
    """What a comparison comes to. ``failed``: training again did not come to its end."""

    EXACT = "exact"
    TOLERABLE = "tolerable"
    DRIFTED = "drifted"
    FAILED = "failed"


@dataclass(frozen=True)
class Tolerance:
    """What other hardware or software may differ: percentages in points, the rest relatively."""

    points: float
    relative: float

    def allowed(self, metric: Metric, recorded: float, trained: float) -> float:
        """Return the greatest difference that is tolerable."""
        if metric.split is None:
            return _ROUNDING * max(abs(recorded), abs(trained))
        if metric.unit == "%":
            return self.points
        return self.relative * max(abs(recorded), abs(trained))


@dataclass(frozen=True)
class Curve:
    """A trial's row of ``trials``, and its rows of ``epochs`` by their number."""

    trial: Mapping[str, Any]
    epochs: Mapping[int, Mapping[str, Any]]


@dataclass(frozen=True)
class Deviation:
    """A value that is not the recorded one.

    Attributes:
        epoch: Where; 0 is the trial as a whole.
        metric: A metric; ``status``: how and where the training ended; or ``all``: the recorded
            epoch is missing.
        recorded: The recorded value; None where it is missing.
        trained: The value of training again.
        tolerable: Whether another hardware or software may give it.
    """

    epoch: int
    metric: str
    recorded: float | str | None
    trained: float | str | None
    tolerable: bool

    def __str__(self) -> str:
        where = f"epoch {self.epoch}: " if self.epoch else ""
        values = f"{_word(self.recorded)} recorded, {_word(self.trained)} trained again"
        return f"{where}{self.metric} {values}{self._difference()}"

    def _difference(self) -> str:
        if isinstance(self.recorded, float) and isinstance(self.trained, float):
            return f", {self.trained - self.recorded:+.3g}"
        return ""


@dataclass(frozen=True)
class Compared:
    """What became of one trial of the sample.

    Attributes:
        profile: Its key, with ``taskid`` and ``model_idx``.
        taskid: See there.
        model_idx: See there.
        verdict: See :class:`Verdict`.
        epochs: How many epochs were compared.
        deviations: Of each epoch that differs the metric that differs most, in the order of epochs.
        provenance: What recorded and trained again differ in: both values by column.
        reason: Why training again failed.
    """

    profile: str
    taskid: int
    model_idx: int
    verdict: Verdict
    epochs: int
    deviations: tuple[Deviation, ...] = ()
    provenance: Mapping[str, tuple[str | None, str | None]] | None = None
    reason: str | None = None

    def __str__(self) -> str:
        head = f"{self.verdict.value:9} {self.profile} taskid {self.taskid} "
        return f"{head}model_idx {self.model_idx}: {'; '.join(self._words())}"

    def _words(self) -> Iterator[str]:
        if self.reason is not None:
            yield self.reason
        elif not self.deviations:
            yield f"{self.epochs} epochs"
        else:
            yield str(self.deviations[0])
            yield f"{len(self.deviations)} of {self.epochs} epochs differ"
            yield explanation(self.provenance or {})


def explanation(provenance: Mapping[str, tuple[str | None, str | None]]) -> str:
    """Return in words what differed when the trial was trained again."""
    told = [f"{name} {old} -> {new}" for name, (old, new) in provenance.items()]
    if any(name in EXPLAINING for name in provenance):
        return ", ".join(told)
    return ", ".join([*told, "same code, torch, Python and CPU: nothing explains it"])


def compare(
    recorded: Curve | None, trained: Curve, *, until: int, tolerance: Tolerance
) -> Compared:
    """Compare one trial in all that training must reproduce, epoch by epoch.

    Args:
        recorded: What the table says; None if the trial is not there any more.
        trained: What training again gave.
        until: The last epoch that was trained again.
        tolerance: What other hardware or software may differ.
    """
    key = {name: trained.trial[name] for name in ("profile", "taskid", "model_idx")}
    status, epochs = trained.trial["status"], min(until, trained.trial["epochs"])
    if recorded is None:
        return Compared(**key, verdict=Verdict.FAILED, epochs=0, reason="is not recorded any more")
    if status not in (Status.COMPLETE.value, Status.DIVERGED.value):
        reason = f"{status} at epoch {epochs}: {trained.trial['reason'] or 'not trained again yet'}"
        return Compared(**key, verdict=Verdict.FAILED, epochs=epochs, reason=reason)
    deviations = tuple(_deviations(recorded, trained, until, tolerance))
    differing = {
        name: (recorded.trial.get(name), trained.trial.get(name))
        for name in SHOWN
        if recorded.trial.get(name) != trained.trial.get(name)
    }
    excused = any(name in EXPLAINING for name in differing)
    verdict = Verdict.EXACT
    if deviations:
        within = excused and all(deviation.tolerable for deviation in deviations)
        verdict = Verdict.TOLERABLE if within else Verdict.DRIFTED
    return Compared(
        **key, verdict=verdict, epochs=epochs, deviations=deviations, provenance=differing
    )


def _deviations(
    recorded: Curve, trained: Curve, until: int, tolerance: Tolerance
) -> Iterator[Deviation]:
    """Yield the greatest deviation of the trial as a whole, of each epoch, and of its end."""
    yield from _greatest(0, _REPRODUCIBLE_OF_TRIAL, recorded.trial, trained.trial, tolerance)
    last = min(until, max((*recorded.epochs, *trained.epochs), default=0))
    for epoch in range(1, last + 1):
        if epoch in recorded.epochs and epoch in trained.epochs:
            rows = recorded.epochs[epoch], trained.epochs[epoch]
            yield from _greatest(epoch, _REPRODUCIBLE, *rows, tolerance)
        elif min(recorded.trial["epochs"], trained.trial["epochs"]) >= epoch:
            yield Deviation(epoch, "all", None, "there", tolerable=False)
        else:
            yield _end(epoch, recorded, trained, until)
            return
    if _ended(recorded, until) != _ended(trained, until):
        yield _end(last + 1, recorded, trained, until)


def _greatest(
    epoch: int,
    metrics: tuple[Metric, ...],
    recorded: Mapping[str, Any],
    trained: Mapping[str, Any],
    tolerance: Tolerance,
) -> Iterator[Deviation]:
    found = []
    for metric in metrics:
        # A release has no column of a metric without values.
        if metric.name not in recorded:
            continue
        old, new = recorded[metric.name], trained.get(metric.name)
        if old == new:
            continue
        excess = float("inf")
        if old is not None and new is not None:
            allowed = tolerance.allowed(metric, old, new)
            excess = abs(old - new) / allowed if allowed else float("inf")
        found.append((excess, Deviation(epoch, metric.name, old, new, excess <= 1)))
    if found:
        yield max(found, key=lambda pair: pair[0])[1]


def _end(epoch: int, recorded: Curve, trained: Curve, until: int) -> Deviation:
    ends = _ended(recorded, until), _ended(trained, until)
    return Deviation(epoch, "status", *ends, tolerable=False)


def _ended(curve: Curve, until: int) -> str:
    """Return how a trial stands at ``until``, in words."""
    if curve.trial["epochs"] >= until:
        return f"epoch {until} reached"
    return f"{curve.trial['status']} after epoch {curve.trial['epochs']}"


def _word(value: float | str | None) -> str:
    if value is None:
        return "missing"
    return value if isinstance(value, str) else repr(value)
