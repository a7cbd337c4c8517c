"""Costs by one look are those of the curves, bit by bit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nepsbench
from nepsbench.client import cost_columns
from nepsbench.client.cost_columns import cost_column
from nepsbench.client.costs import CostMode, curve_cost, query_cost
from nepsbench.client.search_log import SearchLog
from nepsbench.client.table import TableBenchmark
from nepsbench.errors import NepsbenchError, NotInTableError
from nepsbench.spaces.parameters import FloatArray
from tests.release.made_up_table import Trial, bits, build

TIMES = ("train_duration", "valid_duration", "test_duration", "runtime")
MODES: tuple[CostMode, ...] = ("train", "valid", "test")
Curve = dict[int, dict[str, float]]

seconds = st.one_of(st.floats(0, 1e4), st.sampled_from([0.0, 0.1, 0.2, 0.3]))


@st.composite
def curves(draw: st.DrawFn) -> tuple[list[int], list[Curve]]:
    """Curves of the same epochs, most of them whole, some with holes of every kind."""
    epochs = draw(
        st.one_of(
            st.integers(1, 6).map(lambda last: list(range(1, last + 1))),
            st.lists(st.integers(0, 6), min_size=1, unique=True).map(sorted),
        )
    )
    found = []
    for _ in range(draw(st.integers(1, 4))):
        names = draw(st.sets(st.sampled_from(TIMES)))
        curve = {e: {name: draw(seconds) for name in sorted(names)} for e in epochs}
        for _ in range(draw(st.integers(0, 2))):
            curve[draw(st.sampled_from(epochs))].pop(draw(st.sampled_from(TIMES)), None)
        if draw(st.booleans()):
            total = draw(seconds)
            curve = {epoch: {**values, "total_time": total} for epoch, values in curve.items()}
        found.append(curve)
    return epochs, found


def _plain(curve: Curve, end: int | None, **how: Any) -> float:
    try:
        return curve_cost(curve, end, **how)
    except NotInTableError:
        return math.nan


@given(table=curves(), mode=st.sampled_from(MODES), data=st.data())
def test_a_column_holds_what_each_curve_costs(
    table: tuple[list[int], list[Curve]], mode: CostMode, data: st.DataObject
) -> None:
    epochs, found = table

    def read(metric: str, epoch: int) -> FloatArray:
        return np.array([curve[epoch].get(metric, math.nan) for curve in found])

    end = data.draw(st.sampled_from(epochs))
    start = data.draw(st.sampled_from([0, *epochs]))
    if start < end:
        column = cost_column(read, epochs, start=start, end=end, mode=mode)
        expected = [_plain(curve, end, start=start, mode=mode) for curve in found]
        assert list(map(bits, column.tolist())) == list(map(bits, expected))


def _trials(found: Sequence[Curve], seeds: Sequence[int]) -> list[Trial]:
    """Return a trial for each configuration and seed; curves in turn."""
    keys = [(number * 3000, seed) for number in range(3) for seed in seeds]
    return [
        Trial(
            number, 12, seed, "complete", {}, {
                epoch: {"valid_acc": float(k + epoch), **values}
                for epoch, values in found[k % len(found)].items()
            }, k + 1,
        )
        for k, (number, seed) in enumerate(keys)
    ]  # fmt: skip


def _said(ask: Any, *query: Any, **chosen: Any) -> bytes | str:
    try:
        return bits(ask(*query, **chosen))
    except NepsbenchError as error:
        return f"{type(error).__name__}: {error}"


def _curve_says(table: TableBenchmark, number: int, end: int | None, **chosen: Any) -> bytes | str:
    how = {name: chosen.pop(name) for name in ("start", "mode")}
    ask = table.trajectory
    return _said(lambda: curve_cost(ask(number, **chosen), end, **how, name=table.name))


@settings(max_examples=10)
@given(found=curves(), repeated=st.booleans())
def test_a_table_tells_the_cost_of_its_curves_or_the_same_error(
    tmp_path_factory: pytest.TempPathFactory, found: tuple[list[int], list[Curve]], repeated: bool
) -> None:
    epochs, all_curves = found
    timeless = [{e: {n: v for n, v in at.items() if n in TIMES} for e, at in curve.items()}
                for curve in all_curves]  # fmt: skip
    seeds = (7, 7, 9) if repeated else (7, 8, 9)
    table = nepsbench.load(build(_trials(timeless, seeds), tmp_path_factory.mktemp("costs")))
    chosen: list[Mapping[str, int]] = [{}, {"seed": 7}, {"seed": 9}, {"draw": 1}, {"draw": 2}]
    for which in [*chosen, {"seed": 1}, {"horizon": 13}]:
        for mode in [*MODES, "all"]:
            for end in [None, *epochs, 99]:
                for start in (0, epochs[0], epochs[-1], -1):
                    asked = {**which, "start": start, "mode": mode}
                    plain = _curve_says(table, 3000, end, **asked)
                    assert _said(query_cost, table, 3000, end, **asked) == plain


def _passes(count: int) -> list[Curve]:
    return [
        {e: {"train_duration": 0.1 * e + k, "valid_duration": 0.3} for e in range(1, 5)}
        for k in range(count)
    ]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> TableBenchmark:
    return nepsbench.load(build(_trials(_passes(9), (7, 8, 9)), tmp_path_factory.mktemp("table")))


class Curves:
    """A table without its columns: what a log makes of curves alone."""

    def __init__(self, table: TableBenchmark) -> None:
        self.space, self.metrics = table.space, table.metrics
        self.name, self.version = table.name, table.version
        self.trajectory, self._ask = table.trajectory, table

    def __call__(self, *query: Any, **chosen: Any) -> dict[str, float]:
        return self._ask(*query, **chosen)


@pytest.mark.parametrize("continues", [False, True])
def test_a_log_of_a_table_is_the_log_of_its_curves(table: TableBenchmark, continues: bool) -> None:
    logs = [SearchLog(bench, continues=continues) for bench in (table, Curves(table))]
    notations = [0, table.configuration(3000), "|none~0|", 6000, 1]
    for log in logs:
        for query in notations:
            for epoch in (2, None, 9, 4, 3):
                for which in ({}, {"seed": 8}, {"draw": 5}, {"seed": 1}, {"horizon": 13}):
                    try:
                        log(query, epoch, **which)
                    except NepsbenchError:
                        continue
    first, second = logs
    assert len(first) == 3 * 4 * 3
    assert first.entries == second.entries
    assert first.spent == second.spent


def test_memory_for_columns_is_bounded(
    table: TableBenchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost_columns, "_KEPT", 2 * 8 * len(table))
    fresh = nepsbench.load(Path(table.release))
    costs = [fresh.simulated_cost(0, epoch) for epoch in (1, 2, 3, 4)]
    assert costs == [curve_cost(fresh.trajectory(0), epoch) for epoch in (1, 2, 3, 4)]
    assert fresh._costs._bytes == 2 * 8 * len(table)
