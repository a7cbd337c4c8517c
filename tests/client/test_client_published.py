"""A table as others publish it: horizons, repeats without seeds, sparse epochs, many notations."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nepsbench
from nepsbench.client.table import TableBenchmark
from nepsbench.errors import InvalidConfigurationError, NotInTableError
from nepsbench.spaces import FiniteSpace, nasbench101, nasbench201
from nepsbench.spaces.declared import space_from
from tests.release.made_up_table import Trial, build

CELLS = (3, 500, 20_000, 423_623)
MISSING = 7


def _accuracy(number: int, horizon: int, repeat: int, epoch: int) -> float:
    return 10 + number % 50 + horizon / 8 + repeat / 4 + epoch / 512


def _trials() -> list[Trial]:
    keys = [(n, h, r) for n in CELLS for h in (4, 108) for r in range(3)]
    return [
        Trial(
            n, h, None, "complete", {"params": n / 1e6, "total_time": h + r / 2},
            {e: {"test_acc": _accuracy(n, h, r, e)} for e in (0, h // 2, h)}, index,
        )
        for index, (n, h, r) in enumerate(keys, start=1)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> TableBenchmark:
    return nepsbench.load(build(_trials(), tmp_path_factory.mktemp("cells"), "nasbench101"))


@pytest.fixture(scope="module")
def strings(tmp_path_factory: pytest.TempPathFactory) -> TableBenchmark:
    trials = [
        Trial(n, 200, 777, "complete", {}, {200: {"test_acc": n / 256}}, n + 1)
        for n in (0, 9930, 15_624)
    ]
    return nepsbench.load(build(trials, tmp_path_factory.mktemp("strings")))


def test_a_cell_is_found_by_every_name_it_has(cells: TableBenchmark) -> None:
    configuration = nasbench101.SPACE.at(500)
    matrix, operations = nasbench101.to_spec(configuration)
    answer = cells(500)
    for query in (
        np.int64(500),
        configuration,
        (matrix, operations),
        (np.array(matrix), operations),
        nasbench101.to_nni(configuration),
        nasbench101.hash_of(configuration),
        type("ModelSpec", (), {"matrix": np.array(matrix), "ops": operations})(),
    ):
        assert cells.number_of(query) == 500
        assert cells(query) == answer
    assert cells.configuration(500) == configuration


def test_an_isomorphic_or_unpruned_cell_is_the_same_cell(cells: TableBenchmark) -> None:
    matrix, operations = (np.array(x) for x in nasbench101.to_spec(nasbench101.SPACE.at(20_000)))
    size = len(operations)
    padded = np.zeros((size + 1, size + 1), dtype=int) if size < 7 else None
    order = [0, *reversed(range(1, size - 1)), size - 1]
    moved = matrix[np.ix_(order, order)]
    if not np.tril(moved).any():
        assert cells.number_of((moved, operations[order].tolist())) == 20_000
    if padded is not None:  # a vertex that nothing reads is pruned
        keep = [*range(size - 1), size]
        padded[np.ix_(keep, keep)] = matrix
        padded[0, size - 1] = 1
        labels = [*operations[:-1].tolist(), "maxpool3x3", "output"]
        assert cells.number_of((padded, labels)) == 20_000


def test_horizons_are_different_trainings(cells: TableBenchmark) -> None:
    assert cells.horizons == (4, 108)
    assert cells.recorded(3) == (0, 54, 108)
    assert cells.recorded(3, horizon=4) == (0, 2, 4)
    assert cells(3)["test_acc"] == pytest.approx(_accuracy(3, 108, 1, 108))
    assert cells(3, 2, horizon=4)["test_acc"] == pytest.approx(_accuracy(3, 4, 1, 2))
    assert cells(3, seed=2)["test_acc"] == _accuracy(3, 108, 2, 108)
    assert list(cells.trajectory(3, horizon=4)) == [0, 2, 4]
    with pytest.raises(NotInTableError, match=r"no horizon 12 .*there are: 4, 108"):
        cells(3, horizon=12)
    with pytest.raises(NotInTableError, match=r"no epoch 4 .* recorded: 0, 54, 108"):
        cells(3, 4)


def test_a_draw_is_one_of_the_repeats_and_the_same_again(cells: TableBenchmark) -> None:
    known = {seed: answer["test_acc"] for seed, answer in cells.by_seed(500).items()}
    assert list(known) == [0, 1, 2]
    drawn = [cells(500, draw=draw)["test_acc"] for draw in range(60)]
    assert drawn == [cells(500, draw=draw)["test_acc"] for draw in range(60)]
    assert set(drawn) == set(known.values())
    others = [cells(3, draw=draw)["test_acc"] - _accuracy(3, 108, 0, 108) for draw in range(60)]
    assert others != [value - known[0] for value in drawn]


def test_outside_the_space_and_absent_from_the_table_are_told_apart(
    cells: TableBenchmark, strings: TableBenchmark
) -> None:
    for missing in (MISSING, nasbench101.SPACE.at(MISSING)):
        with pytest.raises(NotInTableError, match="valid but not in the table"):
            cells(missing)
    with pytest.raises(NotInTableError, match=r"no cell in the table .* has the hash"):
        cells(nasbench101.hash_of(nasbench101.SPACE.at(MISSING)))
    eight = np.triu(np.ones((8, 8), dtype=int), 1)
    labels = ["input", *["maxpool3x3"] * 6, "output"]
    for outside in (-1, 423_624, "no hash", (eight, labels), True, None, 3.0):
        with pytest.raises(InvalidConfigurationError):
            cells(outside)
        with pytest.raises(InvalidConfigurationError):
            strings(outside)
    for number in (-1, 423_624):
        with pytest.raises(InvalidConfigurationError):
            cells.value(number, "test_acc")
        with pytest.raises(InvalidConfigurationError):
            cells.column("test_acc")[number]
        with pytest.raises(InvalidConfigurationError):
            cells.column("test_acc").take([3, number])
    with pytest.raises(NotInTableError, match=r"no metric 'accuracy' .*there are: params, "):
        cells.value(3, "accuracy")


def test_a_string_of_nasbench201_is_found(strings: TableBenchmark) -> None:
    configuration = nasbench201.SPACE.at(9930)
    assert strings(nasbench201.to_arch_str(configuration)) == {"test_acc": 9930 / 256}
    assert strings.number_of(configuration) == 9930
    assert strings.value(15_624, "test_acc") == 15_624 / 256


def test_a_million_rows_are_one_call(cells: TableBenchmark) -> None:
    column = cells.column("test_acc", 54)
    numbers = np.random.default_rng(0).choice([*CELLS, MISSING], 1_000_000).astype(np.int32)
    values = column.take(numbers)
    assert values.shape == (1_000_000,)
    assert np.isnan(values[numbers == MISSING]).all()
    for number in CELLS:
        assert (values[numbers == number] == cells(number, 54)["test_acc"]).all()
        assert column[number] == cells.value(number, "test_acc", 54)
    with pytest.raises(NotInTableError, match="valid but not in the table"):
        column[MISSING]


def test_wildcards_are_selected_by_sql(cells: TableBenchmark) -> None:
    configuration = nasbench101.SPACE.at(500)
    rows = cells.select({**configuration, "horizon": 4, "epoch": 4, "seed": None})
    assert sorted(row[0] for row in rows.project("test_acc").fetchall()) == [
        _accuracy(500, 4, repeat, 4) for repeat in range(3)
    ]
    assert len(cells.select(epoch=108).fetchall()) == 12
    assert len(cells.select().fetchall()) == 72
    with pytest.raises(InvalidConfigurationError, match="no column 'depth'"):
        cells.select(depth=3)
    with pytest.raises(InvalidConfigurationError, match="op_1='relu' is not a choice"):
        cells.select(op_1="relu")


def test_a_metric_that_was_never_recorded_is_null_in_sql(cells: TableBenchmark) -> None:
    assert cells.sql("select count(*), count(latency) from epochs").fetchall() == [(72, 0)]


def test_asking_a_published_table_loads_no_pyarrow(cells: TableBenchmark) -> None:
    script = (
        "import sys, nepsbench; b = nepsbench.load(sys.argv[1]); b(3); b.value(3, 'test_acc'); "
        "b.column('test_acc').take([3]); b.trajectory(3); b.sample(1); b.by_seed(3); "
        "print(sorted({'pyarrow', 'pandas', 'duckdb', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(cells.release)],
        capture_output=True, text=True, env=os.environ, check=True,
    )  # fmt: skip
    assert done.stdout == "[]\n"


def test_reading_without_mapping_answers_the_same(
    cells: TableBenchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nepsbench.client.residence._KEPT", -1)
    unmapped = nepsbench.load(Path(cells.release))
    for number in CELLS:
        assert unmapped.trajectory(number) == cells.trajectory(number)
        assert unmapped(number) == cells(number)
        assert unmapped(number, seed=2) == cells(number, seed=2)
        assert unmapped.value(number, "params", seed=2) == cells(number, seed=2)["params"]
        for metric in ("test_acc", "params", "total_time"):
            for horizon in (4, 108):
                assert unmapped.value(number, metric, horizon=horizon) == cells.value(
                    number, metric, horizon=horizon
                )


def test_a_space_that_only_the_release_describes_is_asked_like_any_other(tmp_path: Path) -> None:
    parameters = {
        "act": {"choices": ["relu", "mish"], "default": "relu"},
        "depth": {"choices": [1, 2, 4], "default": 2},
    }
    space = space_from({"name": "somebody", "version": 1, "parameters": parameters})
    assert isinstance(space, FiniteSpace)
    trials = [Trial(n, 5, None, "complete", {}, {5: {"test_acc": n / 8}}, n + 1) for n in range(4)]
    bench = nepsbench.load(build(trials, tmp_path, space))
    assert bench.space == space
    assert bench({"act": "mish", "depth": 1}) == bench(3) == {"test_acc": 0.375}
    with pytest.raises(NotInTableError, match="valid but not in the table"):
        bench({"act": "mish", "depth": 4})
    with pytest.raises(InvalidConfigurationError, match="depth=3 is not a choice"):
        bench({"act": "mish", "depth": 3})
    with pytest.raises(InvalidConfigurationError, match="'mish' is no configuration of somebody"):
        bench("mish")
