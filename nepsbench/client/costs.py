"""What a query would have cost: the seconds that its training took when it was recorded.

A mode says which passes are paid for, in the words of NAS-HPO-Bench-II's interface: ``train`` is
training alone, ``valid`` adds the passes over the validation split, ``test`` those over the test
split, too. Where the seconds come from, the first that was recorded:

1. ``train_duration`` of every epoch that was trained, summed, and in the modes ``valid`` and
   ``test`` the ``valid_duration`` and ``test_duration`` of every evaluation on the way. The
   evaluation that the mode is called after must be there for the last epoch; without a validation
   split, ``test`` adds the tests only.
2. ``runtime``, cumulative, at the last epoch less that at the first. What was published as it tells
   no passes apart, so every mode costs the same, plus ``valid_duration`` and ``test_duration`` if
   there are any: published running times count training alone. Our own ``runtime`` has the
   evaluations in it, but our tables have ``train_duration``, so rule 1 is theirs.
3. ``total_time`` of the whole trial, for all of its epochs only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, get_args

from nepsbench.errors import NepsbenchError, NotInTableError
from nepsbench.schema import Metric
from nepsbench.spaces import Space

#: Which passes are paid for.
CostMode = Literal["train", "valid", "test"]

#: What each mode pays for beside training.
EVALUATIONS: Mapping[str, tuple[str, ...]] = {
    "train": (),
    "valid": ("valid_duration",),
    "test": ("valid_duration", "test_duration"),
}


class Queryable(Protocol):
    """What costs, logs and adapters need of a benchmark: table, surrogate, live, or one's own."""

    @property
    def space(self) -> Space:
        """The space of its configurations."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The dictionary entries of its metrics."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def version(self) -> str:
        """Its version."""

    # Any arguments: benchmarks that take more or fewer keywords are benchmarks all the same.
    def __call__(self, *query: Any, **chosen: Any) -> dict[str, float]:
        """Return the metrics of a configuration at an epoch."""

    def trajectory(self, *query: Any, **chosen: Any) -> dict[int, dict[str, float]]:
        """Return the metrics of all recorded epochs, by epoch."""


def query_cost(
    bench: Queryable,
    query: Any,
    epoch: int | None = None,
    *,
    start: int = 0,
    mode: CostMode = "valid",
    **chosen: Any,
) -> float:
    """Return the simulated seconds of training a configuration from one epoch to another.

    Args:
        bench: Any benchmark object.
        query: What it is asked for: a configuration, or whatever else the benchmark takes.
        epoch: The last epoch that is trained; the last one recorded without.
        start: The epoch of the checkpoint from which training goes on; 0 is from the beginning.
        mode: ``train``, ``valid`` or ``test``.
        chosen: ``seed``, ``draw`` and ``horizon``, as the benchmark takes them. Without a seed,
            the mean over the seeds.

    Raises:
        InvalidConfigurationError: If the configuration lies outside the space.
        NotInTableError: If it, the epoch or the start is not recorded, or no seconds are.
    """
    if hasattr(bench, "simulated_cost"):
        found: float = bench.simulated_cost(query, epoch, start=start, mode=mode, **chosen)
        return found
    curve = curve_to(bench, query, epoch, **chosen)
    return curve_cost(curve, epoch, start=start, mode=mode, name=bench.name)


def curve_to(
    bench: Queryable, query: Any, epoch: int | None, **chosen: Any
) -> dict[int, dict[str, float]]:
    """Return the curve of a configuration, at least up to an epoch.

    One that trains on demand has ``trajectory_to``, so that it need not train further.
    """
    if epoch is not None and hasattr(bench, "trajectory_to"):
        found: dict[int, dict[str, float]] = bench.trajectory_to(query, epoch, **chosen)
        return found
    return bench.trajectory(query, **chosen)


def curve_cost(
    curve: Mapping[int, Mapping[str, float]],
    epoch: int | None = None,
    *,
    start: int = 0,
    mode: CostMode = "valid",
    name: str = "the benchmark",
) -> float:
    """Return the same of a curve, as ``trajectory`` gives it; ``name`` is for errors.

    Raises:
        NotInTableError: If an epoch is not in the curve, or no seconds are recorded.
    """
    checked_mode(mode)
    end = max(curve) if epoch is None else epoch
    if end not in curve or start < 0 or (start and start not in curve):
        missing = end if end not in curve else start
        raise NotInTableError(
            f"no epoch {missing} in this curve of {name}, so what it cost is not known; recorded: "
            f"{', '.join(map(str, sorted(curve)))}"
        )
    if start >= end:
        return 0.0
    evaluations = EVALUATIONS[mode]
    if "train_duration" in curve[end]:
        return _sum_of_passes(curve, start, end, evaluations, name)
    if "runtime" in curve[end] and (not start or "runtime" in curve[start]):
        before = curve[start]["runtime"] if start else 0.0
        return curve[end]["runtime"] - before + _evaluated(curve, start, end, evaluations)
    if "total_time" in curve[end] and not start and end == max(curve):
        return curve[end]["total_time"]
    raise NotInTableError(
        f"{name} tells no seconds of epochs {start + 1} to {end} of this configuration: neither "
        "train_duration nor runtime is recorded there, and total_time is that of whole trials; "
        "count queries or epochs instead"
    )


def checked_mode(mode: str) -> None:
    """Raise unless ``mode`` is one.

    Raises:
        NepsbenchError: If it is anything else.
    """
    if mode not in get_args(CostMode):
        raise NepsbenchError(
            f"no cost mode {mode!r}; choose one of {', '.join(get_args(CostMode))}"
        )


def _sum_of_passes(
    curve: Mapping[int, Mapping[str, float]],
    start: int,
    end: int,
    evaluations: Sequence[str],
    name: str,
) -> float:
    trained = range(start + 1, end + 1)
    for metric, epochs in (("train_duration", trained), *((e, (end,)) for e in evaluations[-1:])):
        if lacking := [epoch for epoch in epochs if metric not in curve.get(epoch, {})]:
            raise NotInTableError(
                f"{name} has no {metric} of epoch {lacking[0]} of this configuration, so what it "
                "cost is not known; "
                + ("use mode='train'" if metric in evaluations else "ask for recorded epochs")
            )
    seconds = _added(curve[epoch]["train_duration"] for epoch in trained)
    return seconds + _evaluated(curve, start, end, evaluations)


def _evaluated(
    curve: Mapping[int, Mapping[str, float]], start: int, end: int, evaluations: Sequence[str]
) -> float:
    """Return the seconds of the evaluations that were made on the way."""
    return _added(
        answer[metric]
        for epoch, answer in curve.items()
        if start < epoch <= end
        for metric in evaluations
        if metric in answer
    )


def _added(values: Iterable[float]) -> float:
    """Return the sum, added up one by one; ``sum`` does it otherwise from Python 3.12 on."""
    total = 0.0
    for value in values:
        total += value
    return total
