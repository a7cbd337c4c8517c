from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import nepsbench
from nepsbench.client.table import TableBenchmark
from nepsbench.errors import CorruptedFileError, NotInTableError
from nepsbench.release.coding import Arrays, ArrayWriter
from nepsbench.release.lookup import open_lookup
from tests.release import made_up_table as made
from tests.release.made_up_table import Trial, bits

pytestmark = pytest.mark.whole

FEW_DISTINCT = st.sampled_from([0.0, -0.0, math.nan, 0.1, 93.5])


@given(
    st.one_of(
        arrays.arrays(np.float64, st.integers(0, 400), elements=FEW_DISTINCT),
        arrays.arrays(np.float64, st.integers(0, 50), elements=st.floats(width=32)),
        arrays.arrays(np.float64, st.integers(0, 50)),
        arrays.arrays(np.int64, st.integers(0, 50)),
        arrays.arrays(np.int64, st.integers(0, 400), elements=st.integers(0, 70_000)),
    )
)
def test_a_coded_column_gives_every_bit_back(values: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arrays"
        with path.open("wb") as file:
            file.write(b"head")
            described = ArrayWriter(file).column(values)
        column = Arrays(path).column(described, len(values))
        # NaN stands for what is missing; there is one of it.
        wanted = np.where(values != values, np.nan, values) if values.dtype.kind == "f" else values
        assert column.take(slice(0, len(values))).tobytes() == wanted.tobytes()
        assert column.take(np.arange(len(values))[::-1]).tobytes() == wanted[::-1].tobytes()
        for read in (column.span, column.unmapped_span):
            assert np.array(read(0, len(values)), values.dtype).tobytes() == wanted.tobytes()
        for row, value in enumerate(wanted[:5].tolist()):
            found = column.at(row)
            assert type(found) is type(value)
            assert found == value or value != value


def test_few_values_take_a_byte_each_and_one_value_takes_none(tmp_path: Path) -> None:
    with (tmp_path / "arrays").open("wb") as file:
        writer = ArrayWriter(file)
        assert writer.column(np.full(1000, 0.1)) == {"coding": "constant", "value": 0.1}
        assert file.tell() == 0
        coded = writer.column(np.tile(np.arange(100) / 7, 100))
        assert coded["coding"] == "dictionary"
        assert coded["codes"]["type"] == "u1"
        assert writer.column(np.arange(1e5) / 8)["values"]["type"] == "f4"
        assert writer.column(np.arange(1e5) / 7)["values"]["type"] == "f8"


def _check_answers(bench: TableBenchmark, trials: list[Trial], number: int, horizon: int) -> None:
    """Compare every question about a configuration with what plain loops say."""
    epochs = {epoch for trial in trials for epoch in trial.epochs} | {3}
    seeds = {label for label, _ in made.labelled(trials, number, horizon)}
    for seed in (None, *seeds):
        chosen = made.answering(trials, number, horizon, seed)
        for epoch in (None, *epochs):
            wanted = made.expected(chosen, epoch)
            if wanted is None:
                with pytest.raises(NotInTableError):
                    bench(number, epoch, seed=seed, horizon=horizon)
                continue
            answer = bench(number, epoch, seed=seed, horizon=horizon)
            assert {n: bits(v) for n, v in answer.items()} == {
                n: bits(v) for n, v in wanted.items()
            }
            for name, value in wanted.items():
                found = bench.value(number, name, epoch, seed=seed, horizon=horizon)
                assert bits(found) == bits(value)
    assert bench.seeds(number, horizon=horizon) == tuple(sorted(seeds))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(made.tables())
def test_a_release_answers_every_value_of_any_table_bit_for_bit(trials: list[Trial]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEPSBENCH_CACHE", folder)
        bench = nepsbench.load(made.build(trials, Path(folder)))
        assert bench.horizons == tuple(sorted({trial.horizon for trial in trials}))
        for number, horizon in {(trial.number, trial.horizon) for trial in trials}:
            _check_answers(bench, trials, number, horizon)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(made.tables(), st.sampled_from([None, 0, 777]), st.sampled_from([None, 3, 12]))
def test_a_column_is_the_single_answers(
    trials: list[Trial], seed: int | None, epoch: int | None
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEPSBENCH_CACHE", folder)
        bench = nepsbench.load(made.build(trials, Path(folder)))
        numbers = np.array([0, 7, 3000, 6000, 9000, 12_000, 15_000, 15_624, 1, 0])
        for horizon in bench.horizons:
            for metric in bench.metrics:
                column = bench.column(metric.name, epoch, seed=seed, horizon=horizon)
                for number, value in zip(
                    numbers.tolist(), column.take(numbers).tolist(), strict=True
                ):
                    chosen = made.answering(trials, number, horizon, seed)
                    wanted = made.expected(chosen, epoch) or {}
                    assert bits(value) == bits(wanted.get(metric.name, math.nan))


def test_where_no_seed_was_published_repeats_are_counted(tmp_path: Path) -> None:
    trials = [
        Trial(5, 4, None, "complete", {}, {4: {"test_acc": 10.0 * repeat}}, repeat)
        for repeat in (1, 2, 4)
    ]
    bench = nepsbench.load(made.build(trials, tmp_path))
    assert bench.manifest.contents["seeds"] == "repeats"
    assert bench.seeds(5) == (0, 1, 2)
    assert {s: a["test_acc"] for s, a in bench.by_seed(5).items()} == {0: 10.0, 1: 20.0, 2: 40.0}
    assert bench(5, seed=2)["test_acc"] == 40.0
    assert bench(5)["test_acc"] == 70.0 / 3


def test_an_epoch_that_stands_twice_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa

    from nepsbench.errors import ConflictError
    from nepsbench.release import build_release
    from nepsbench.spaces import FiniteSpace, get_space

    space = get_space("nasbench201")
    assert isinstance(space, FiniteSpace)
    table = [Trial(n, 4, 0, "complete", {}, {4: {"test_acc": 1.0}}, n + 1) for n in range(3)]
    trials, epochs = made.arrow_tables(table, space)
    with pytest.raises(ConflictError, match=r"taskid=1, model_idx=2, epoch=4 twice"):
        build_release(
            name="x", version="1.0.0", benchmark_info={"space": "nasbench201", "dataset": "made"},
            trials=trials, epochs=pa.concat_tables([epochs, epochs.slice(1, 1)]),
            surrogate=None, card=None, target=tmp_path,
        )  # fmt: skip


def test_a_damaged_lookup_is_refused(release: Path) -> None:
    index = release / "lookup" / "index.json"
    sound = index.read_text()
    index.write_text(sound.replace('"blocks"', '"bricks"'))
    with pytest.raises(CorruptedFileError, match=r"index\.json: no lookup"):
        open_lookup(release / "lookup")
    index.write_text(sound)
    arrays_file = release / "lookup" / "arrays.bin"
    arrays_file.write_bytes(arrays_file.read_bytes()[:200])
    with pytest.raises(CorruptedFileError, match=r"arrays\.bin: ends too early"):
        open_lookup(release / "lookup")
