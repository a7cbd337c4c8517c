"""The log of a search: counted, kept, and the same again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepsbench.client.search_log import SearchLog
from nepsbench.errors import (
    BudgetSpentError,
    CorruptedFileError,
    InvalidConfigurationError,
    NepsbenchError,
    NotInTableError,
    VersionMismatchError,
)
from nepsbench.schema import METRICS_BY_NAME
from nepsbench.spaces import get_space
from nepsbench.spaces.nasbench201 import parse

SPACE = get_space("nasbench201")


class Curves:
    """A benchmark object of one's own: accuracies by number, ten seconds an epoch, two a pass."""

    space = SPACE
    name = "curves"
    version = "1.0.0"
    metrics = tuple(
        METRICS_BY_NAME[name]
        for name in ("train_duration", "valid_acc", "valid_duration", "test_acc", "lr")
    )

    def __call__(self, query: Any, epoch: int | None = None, **chosen: Any) -> dict[str, float]:
        curve = self.trajectory(query, **chosen)
        end = max(curve) if epoch is None else epoch
        if end not in curve:
            raise NotInTableError(f"no epoch {end}")
        return curve[end]

    def trajectory(self, query: Any, *, seed: int | None = None) -> dict[int, dict[str, float]]:
        number = SPACE.index(parse(query))
        return {
            epoch: {
                "train_duration": 10.0,
                "valid_duration": 2.0,
                "valid_acc": (number * 37 % 100) + epoch / 100 + (seed or 0),
                "test_acc": number * 37 % 100 - 0.5,
            }
            for epoch in (1, 2, 3, 4)
        }


def test_the_lists_are_those_of_nas_hpo_bench_2() -> None:
    log = SearchLog(Curves())
    for number in (1, 2, 0, 2):
        log(number)
    best = [SPACE.at(number) for number in (1, 2, 2, 2)]
    assert log.results() == {
        "acc_trans": [37.04, 74.04, 0.04, 74.04],
        "key_trans": [SPACE.at(number) for number in (1, 2, 0, 2)],
        "best_acc_trans": [37.04, 74.04, 74.04, 74.04],
        "best_key_trans": best,
        "total_cost_trans": [48.0, 96.0, 144.0, 192.0],
        "final_accs": [73.5],
    }
    assert len(log) == 4


def test_an_answer_is_the_benchmarks_own_in_any_notation() -> None:
    log, bench = SearchLog(Curves()), Curves()
    assert log(0, 2, seed=5) == bench(0, 2, seed=5)
    assert log(SPACE.at(7), 3) == bench(7, 3)
    assert log("421211") == bench(0)
    assert log.key_trans == [SPACE.at(0), SPACE.at(7), SPACE.at(0)]
    assert [entry.seed for entry in log.entries] == [5, None, None]


def test_a_loss_is_better_low_and_a_metric_without_direction_is_refused() -> None:
    log = SearchLog(Curves(), metric="valid_duration")
    log(1)
    log(2)
    assert log.best is not None
    assert log.best.key == SPACE.at(1)  # a tie: the first stays
    with pytest.raises(NepsbenchError, match="lr of curves is neither better high nor low; choose"):
        SearchLog(Curves(), metric="lr")
    with pytest.raises(NepsbenchError, match="curves has no metric 'ori_test_acc'; choose one of"):
        SearchLog(Curves(), metric="ori_test_acc")


def test_a_query_that_begins_within_the_budget_is_answered_and_the_next_is_not() -> None:
    log = SearchLog(Curves(), seconds=50)
    log(0)
    assert not log.is_spent
    log(1)
    assert log.is_spent
    with pytest.raises(BudgetSpentError, match="search on curves is spent: 96 of 50 seconds"):
        log(2)
    assert (log.spent.seconds, log.spent.queries, log.spent.epochs) == (96.0, 2, 8)


@pytest.mark.parametrize(("limit", "count"), [({"queries": 3}, 3), ({"epochs": 5}, 2)])
def test_queries_and_epochs_are_budgets_too(limit: dict[str, int], count: int) -> None:
    log = SearchLog(Curves(), mode=None, **limit)
    while not log.is_spent:
        log(len(log))
    assert len(log) == count
    assert log.spent.seconds == 0.0


def test_a_log_may_flag_a_spent_budget_and_go_on() -> None:
    log = SearchLog(Curves(), queries=1, raises=False)
    log(0)
    log(1)
    assert (log.is_spent, len(log)) == (True, 2)


def test_a_budget_of_nothing_is_refused() -> None:
    for limit in ({"seconds": 0}, {"queries": -1}, {"epochs": float("nan")}):
        with pytest.raises(NepsbenchError, match="allows nothing"):
            SearchLog(Curves(), **limit)
    with pytest.raises(NepsbenchError, match="needs a cost mode"):
        SearchLog(Curves(), mode=None, seconds=5)


def test_training_that_continues_pays_each_epoch_once() -> None:
    log = SearchLog(Curves(), continues=True)
    for epoch in (1, 3, 2, 4):
        log(5, epoch)
    assert [entry.cost for entry in log.entries] == [12.0, 24.0, 0.0, 12.0]
    assert log.spent.epochs == 4
    log(5, 4, seed=1)  # another seed is another training
    assert log.entries[-1].cost == 48.0


def test_what_is_refused_costs_nothing() -> None:
    log = SearchLog(Curves())
    with pytest.raises(NotInTableError):
        log(0, 9)
    with pytest.raises(InvalidConfigurationError):
        log({**SPACE.at(0), "edge_0_1": "conv"})
    with pytest.raises(InvalidConfigurationError):
        log(15_625)
    assert (len(log), log.spent.queries) == (0, 0)
    with pytest.raises(NepsbenchError, match="has asked nothing yet"):
        log.results()


def test_reset_forgets_everything_but_the_budget() -> None:
    log = SearchLog(Curves(), queries=1, continues=True)
    log(0)
    log.reset()
    assert (len(log), log.is_spent, log.best, log.spent.seconds) == (0, False, None, 0.0)
    log(0)
    assert log.total_cost_trans == [48.0]
    assert log.is_spent


queries = st.lists(
    st.tuples(
        st.integers(0, SPACE.size - 1), st.sampled_from([1, 2, 3, 4, None]), st.none() | st.just(3)
    ),
    min_size=1,
    max_size=8,
)


@given(queries=queries, suffix=st.sampled_from([".json", ".csv"]), continues=st.booleans())
def test_a_log_comes_back_from_its_file_and_goes_on(
    tmp_path_factory: pytest.TempPathFactory,
    queries: list[tuple[int, int | None, int | None]],
    suffix: str,
    continues: bool,
) -> None:
    path = tmp_path_factory.mktemp("log") / f"search{suffix}"
    log = SearchLog(Curves(), continues=continues, queries=100, seconds=1e9)
    for number, epoch, seed in queries:
        log(number, epoch, seed=seed)
    log.save(path)
    again = SearchLog.load(path, Curves())
    assert (again.settings, again.entries, again.spent) == (log.settings, log.entries, log.spent)
    assert again.results() == log.results()
    for each in (log, again):
        each(3)
    assert again.entries == log.entries


def test_pandas_reads_the_csv(tmp_path: Path) -> None:
    import pandas as pd

    log = SearchLog(Curves())
    log(1)
    log.save(tmp_path / "search.csv")
    frame = pd.read_csv(tmp_path / "search.csv", comment="#")
    assert frame["value"].tolist() == [37.04]
    assert frame["cost"].tolist() == [48.0]


def test_files_of_other_benchmarks_and_other_content_are_refused(tmp_path: Path) -> None:
    log = SearchLog(Curves())
    log(1)
    path = tmp_path / "search.json"
    log.save(path)
    other = Curves()
    other.version = "2.0.0"
    with pytest.raises(VersionMismatchError, match=r"of a search on curves 1.0.0, not on curves 2"):
        SearchLog.load(path, other)
    for text in (path.read_text()[:-20], "[]", '{"format": 9}', '{"format": 1}'):
        path.write_text(text)
        with pytest.raises(CorruptedFileError, match=r"search.json is no log of a search"):
            SearchLog.load(path, Curves())
    with pytest.raises(NepsbenchError, match=r"a .json or a .csv file"):
        log.save(tmp_path / "search.parquet")
