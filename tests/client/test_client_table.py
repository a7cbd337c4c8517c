from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nepsbench
from nepsbench.client.table import TableBenchmark
from nepsbench.errors import InvalidConfigurationError, NepsbenchError, NotInTableError
from nepsbench.spaces import Configuration
from tests.tiny_benchmark import NAME, configurations, metrics_of

PLAIN, TWO_SEEDS, DIVERGED, FAILED, NO_TEST_ACC, NO_EPOCH_2 = 5, 0, 1, 2, 3, 4


def _trial_metrics(configuration: Configuration) -> dict[str, float]:
    return {"params": 0.01 * float(configuration["W"]), "flops": 2.5}


@pytest.fixture(scope="module")
def drawn() -> list[Configuration]:
    return configurations(8)  # the last one is not in the table


def test_an_answer_is_what_was_recorded_to_the_last_bit(
    table: TableBenchmark, drawn: list[Configuration]
) -> None:
    chosen = drawn[PLAIN]
    for epoch in range(1, 5):
        expected = {**_trial_metrics(chosen), **metrics_of(chosen, epoch)}
        answer = table(chosen, epoch)
        assert answer == expected
        assert all(type(value) is float for value in answer.values())
    assert table(chosen) == table(chosen, epoch=4)


def test_a_trajectory_is_all_answers_by_epoch(
    table: TableBenchmark, drawn: list[Configuration]
) -> None:
    expected = {epoch: table(drawn[PLAIN], epoch) for epoch in range(1, 5)}
    assert table.trajectory(drawn[PLAIN]) == expected
    assert list(table.trajectory(drawn[NO_EPOCH_2])) == [1, 3, 4]


def test_several_seeds_give_their_mean_or_the_one_asked_for(
    table: TableBenchmark, drawn: list[Configuration]
) -> None:
    first, second = (metrics_of(drawn[TWO_SEEDS], 2, seed)["valid_acc"] for seed in (0, 3))
    assert first != second
    assert table(drawn[TWO_SEEDS], 2)["valid_acc"] == (first + second) / 2
    assert table(drawn[TWO_SEEDS], 2, seed=3)["valid_acc"] == second
    assert table.trajectory(drawn[TWO_SEEDS], seed=0)[2]["valid_acc"] == first
    with pytest.raises(NotInTableError, match="not trained with seed 7; its seeds are 0, 3"):
        table(drawn[TWO_SEEDS], 2, seed=7)


def test_a_diverged_trial_answers_up_to_its_divergence(
    table: TableBenchmark, drawn: list[Configuration]
) -> None:
    assert table(drawn[DIVERGED]) == table(drawn[DIVERGED], 2)
    assert list(table.trajectory(drawn[DIVERGED])) == [1, 2]
    with pytest.raises(
        NotInTableError,
        match=r"no epoch 3 .* recorded: 1 to 2; its trial is diverged: train_loss is NaN",
    ):
        table(drawn[DIVERGED], 3)


def test_a_trial_without_epochs_says_why(table: TableBenchmark, drawn: list[Configuration]) -> None:
    for ask in (table, table.trajectory):
        with pytest.raises(
            NotInTableError, match=r"none is recorded.*failed: RuntimeError: no mem"
        ):
            ask(drawn[FAILED])


def test_an_epoch_that_is_not_recorded_is_refused_with_those_that_are(
    table: TableBenchmark, drawn: list[Configuration]
) -> None:
    with pytest.raises(NotInTableError, match=r"no epoch 2 .* recorded: 1, 3 to 4$"):
        table(drawn[NO_EPOCH_2], 2)
    for epoch in (0, -1, 5, 200):
        with pytest.raises(NotInTableError, match=f"no epoch {epoch} .* recorded: 1 to 4$"):
            table(drawn[PLAIN], epoch)


@pytest.mark.parametrize("kind", ["table", "surrogate"])
def test_an_epoch_that_is_no_whole_number_is_refused(
    home: Path, drawn: list[Configuration], kind: str
) -> None:
    bench = nepsbench.load(NAME, home=home, kind=kind)
    for epoch in (2.0, "2", [2]):
        with pytest.raises(NotInTableError, match="give a whole number from 1 to 4"):
            bench(drawn[PLAIN], epoch)


def test_a_missing_value_is_absent_and_never_nan(
    table: TableBenchmark, drawn: list[Configuration]
) -> None:
    assert "test_acc" not in table(drawn[NO_TEST_ACC], 4)
    assert "test_acc" in table(drawn[NO_TEST_ACC], 3)
    assert "latency" not in table(drawn[PLAIN], 3)


def test_not_in_the_table_and_not_in_the_space_are_told_apart(
    table: TableBenchmark, drawn: list[Configuration]
) -> None:
    with pytest.raises(NotInTableError, match="is valid but not in the table"):
        table(drawn[7])
    with pytest.raises(InvalidConfigurationError, match="N=2 is not a choice"):
        table({**drawn[0], "N": 2})
    with pytest.raises(InvalidConfigurationError, match=r"LearningRate=2\.0 is out of range"):
        table({**drawn[0], "LearningRate": 2.0})


def test_configurations_yields_each_once(table: TableBenchmark, drawn: list[Configuration]) -> None:
    found = list(table.configurations())
    assert len(found) == len(table) == 7
    assert all(chosen in found for chosen in drawn[:7])


@given(st.integers(min_value=0, max_value=2**64))
def test_a_sample_is_one_of_the_table_and_the_same_again(table: TableBenchmark, seed: int) -> None:
    chosen = table.sample(seed)
    assert table.sample(seed) == chosen
    assert chosen in list(table.configurations())


def test_samples_reach_every_configuration(table: TableBenchmark) -> None:
    ids = {table.space.config_id(table.sample(seed)) for seed in range(100)}
    assert len(ids) == len(table)


def test_keys_that_collide_are_told_apart_by_the_configuration(
    table: TableBenchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = table.configurations()
    everybodys = table.space.config_id(first)
    monkeypatch.setattr(type(table.space), "config_ids", lambda *_: [everybodys])
    assert table.number_of(first) == 0
    for chosen in others:
        with pytest.raises(NotInTableError, match="not in the table"):
            table(chosen)


def test_sql_reads_the_releases_tables(table: TableBenchmark) -> None:
    rows = table.sql("select status, count(*) from trials group by 1 order by 1").fetchall()
    assert rows == [("complete", 6), ("diverged", 1), ("failed", 1)]
    assert table.sql("select max(epoch) from epochs").fetchall() == [(4,)]
    with pytest.raises(NepsbenchError, match=r"^SQL on nepsbench101-digits 1\.0\.0: .*nothing"):
        table.sql("select * from nothing")


def test_the_metrics_are_those_with_values(
    table: TableBenchmark, drawn: list[Configuration]
) -> None:
    assert [metric.name for metric in table.metrics] == list(table(drawn[PLAIN]))


def test_a_release_opens_by_name_version_and_path(home: Path, drawn: list[Configuration]) -> None:
    path = home / "releases" / NAME / "1.0.0"
    for bench in (
        nepsbench.load(f"{NAME}@1.0.0", home=home),
        nepsbench.load(NAME, home=home, version="1.0.0"),
        nepsbench.load(path),
        nepsbench.load(str(path)),
    ):
        assert (bench.name, bench.version) == (NAME, "1.0.0")
        assert bench(drawn[PLAIN], 3) == {
            **_trial_metrics(drawn[PLAIN]),
            **metrics_of(drawn[PLAIN], 3),
        }


def test_the_answers_of_all_epochs_differ(
    table: TableBenchmark, drawn: list[Configuration]
) -> None:
    curves = table.trajectory(drawn[PLAIN])
    for before, after in itertools.pairwise(sorted(curves)):
        assert curves[before]["runtime"] < curves[after]["runtime"]
