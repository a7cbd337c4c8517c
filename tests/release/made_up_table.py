"""Tables of a finite space with everything that a published one can have, and what they answer.

:func:`expected` says by plain loops what the client must say from its arrays.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from hypothesis import strategies as st

from nepsbench.release import build_release
from nepsbench.spaces import FiniteSpace, get_space
from tests.tiny_benchmark import epochs_table, trials_table

EPOCH_METRICS = ("valid_acc", "test_acc", "runtime")
TRIAL_METRICS = ("params", "total_time")


@dataclass(frozen=True)
class Trial:
    """A trial; a value that is missing is left out."""

    number: int
    horizon: int
    seed: int | None
    status: str
    metrics: Mapping[str, float]
    epochs: Mapping[int, Mapping[str, float]]
    model_idx: int = field(default=0)


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


def _values(names: Sequence[str]) -> st.SearchStrategy[dict[str, float]]:
    finite = st.floats(allow_nan=False, allow_infinity=False, width=64)
    value = st.one_of(finite, st.sampled_from([0.0, -0.0, 10.5, 0.1]), st.floats(0, 1, width=32))
    return st.dictionaries(st.sampled_from(names), value)


@st.composite
def _trial(draw: st.DrawFn) -> Trial:
    return Trial(
        number=draw(st.integers(0, 5)) * 3000,
        horizon=draw(st.sampled_from([4, 12])),
        seed=draw(st.one_of(st.none(), st.integers(-2, 3), st.just(2**62))),
        status=draw(st.sampled_from(["complete", "complete", "diverged", "timeout"])),
        metrics=draw(_values(TRIAL_METRICS)),
        epochs=draw(st.dictionaries(st.integers(0, 12), _values(EPOCH_METRICS), max_size=4)),
    )


@st.composite
def _alike(draw: st.DrawFn) -> list[Trial]:
    """Trials of the same number, seeds and epochs for each configuration, as in most tables."""
    epochs = draw(st.lists(st.integers(0, 12), min_size=1, max_size=12, unique=True))
    value = st.floats(-1e300, 1e300)
    return [
        Trial(number, 12, seed, "complete", {"params": float(number)}, {
            epoch: {"valid_acc": draw(value), "test_acc": draw(st.sampled_from([0.1, 0.2, 0.3]))}
            for epoch in epochs
        })
        for number in (0, 7, 15624) for seed in (777, 888, 999)
    ]  # fmt: skip


def tables() -> st.SearchStrategy[list[Trial]]:
    """Return tables, irregular and regular ones."""
    found = st.one_of(st.lists(_trial(), min_size=1, max_size=12), _alike())
    return found.map(_with_keys)


def _with_keys(trials: list[Trial]) -> list[Trial]:
    return [
        Trial(**{**vars(trial), "model_idx": index}) for index, trial in enumerate(trials, start=1)
    ]


def arrow_tables(trials: Sequence[Trial], space: FiniteSpace) -> tuple[pa.Table, pa.Table]:
    """Return the rows of ``trials`` and ``epochs``."""
    rows, epochs = [], []
    for trial in trials:
        configuration = space.at(trial.number)
        key = {"profile": "made", "taskid": trial.number, "model_idx": trial.model_idx}
        rows.append(
            dict.fromkeys(trials_table([]).column_names)
            | {**key, "origin": "made_up", "config_id": space.config_id(configuration)}
            | {"seed": trial.seed, "status": trial.status, "reason": None}
            | {"epochs": max(trial.epochs, default=0), "target_epochs": trial.horizon}
            | {"horizon": trial.horizon, "space": space.name, "space_version": space.version}
            | {"dataset": "made", "recipe": "made", **trial.metrics, **configuration}
        )
        epochs += [{**key, "epoch": epoch, **values} for epoch, values in trial.epochs.items()]
    return trials_table(rows, space), epochs_table(epochs)


def build(trials: Sequence[Trial], target: Path, space: str | FiniteSpace = "nasbench201") -> Path:
    """Return the release of a table."""
    found = get_space(space) if isinstance(space, str) else space
    assert isinstance(found, FiniteSpace)
    tables = arrow_tables(trials, found)
    return build_release(
        name=f"{found.name}-made",
        version="1.0.0",
        space=found,
        benchmark_info={"space": found.name, "dataset": "made"},
        trials=tables[0],
        epochs=tables[1],
        surrogate=None,
        card=None,
        target=target,
    )


def labelled(trials: Sequence[Trial], number: int, horizon: int) -> list[tuple[int, Trial]]:
    """Return the trials of a configuration and horizon, each with its seed or repeat's number."""
    own = [t for t in trials if (t.number, t.horizon) == (number, horizon)]
    known = sorted((t for t in own if t.seed is not None), key=lambda t: (t.seed, t.model_idx))
    unknown = sorted((t for t in own if t.seed is None), key=lambda t: t.model_idx)
    return [(t.seed, t) for t in known if t.seed is not None] + list(enumerate(unknown))


def answering(
    trials: Sequence[Trial], number: int, horizon: int, seed: int | None = None
) -> list[Trial]:
    """Return the trials that an answer is made of."""
    own = [t for label, t in labelled(trials, number, horizon) if seed in (None, label)]
    return [t for t in own if t.status == "complete"] or own


def expected(chosen: Sequence[Trial], epoch: int | None) -> dict[str, float] | None:
    """Return the answer of some trials; None if none of them has recorded the epoch."""
    if epoch is None:
        epoch = max((max(t.epochs) for t in chosen if t.epochs), default=None)
    found = [t for t in chosen if epoch in t.epochs]
    if not found or epoch is None:
        return None
    answer = {}
    for name in (*TRIAL_METRICS, *EPOCH_METRICS):
        values = [{**t.metrics, **t.epochs[epoch]}.get(name, math.nan) for t in found]
        values = [value for value in values if not math.isnan(value)]
        if values:
            answer[name] = _mean(values)
    return answer


def _mean(values: Sequence[float]) -> float:
    if all(value == values[0] for value in values):
        return values[0]
    total = 0.0
    for value in values:
        total += value
    return total / len(values)
