from __future__ import annotations

import itertools

import pytest

from nepsbench.client.budget import Budget
from nepsbench.client.cluster_clock import Cluster
from nepsbench.client.durations import Durations
from nepsbench.client.objective import Fidelities
from nepsbench.errors import InvalidConfigurationError, NepsbenchError, NotInTableError
from nepsbench.search.optimiser import Problem
from nepsbench.search.oracle import Oracle
from nepsbench.search.running import Search
from nepsbench.search.session import Session
from tests.search.tiny_search import EPOCHS, TinyBenchmark, problem


def searched(name="random", *, bench=None, rungs=False, seed=1, metrics=("valid_acc",), **how):
    oracle = Oracle(bench or TinyBenchmark(), metrics, durations="train", final=("test_acc",))
    fidelities = Fidelities("epoch", EPOCHS) if rungs else None
    made = Problem(problem().candidates, fidelities, len(metrics))
    session = Session(name, made, seed=seed)
    return list(Search(oracle, session, seed=seed, **how).run())


def test_a_search_stops_after_its_queries():
    found = searched(budget=Budget(queries=7))
    assert [each.number for each in found] == list(range(7))
    assert found[-1].ended == 7 * 270


def test_what_ends_after_the_budget_of_seconds_does_not_count():
    assert len(searched(budget=Budget(seconds=1000))) == 3


def test_four_workers_do_four_times_as_much_in_the_same_time():
    found = searched(budget=Budget(seconds=2700), cluster=Cluster(workers=4))
    assert len(found) == 40
    assert {each.worker for each in found} == {0, 1, 2, 3}


def test_an_epoch_budget_counts_trained_epochs():
    assert len(searched(budget=Budget(epochs=27 * 5))) == 5


def test_a_promoted_training_goes_on_from_its_checkpoint():
    found = searched("hyperband", rungs=True, budget=Budget(queries=60))
    promoted = [each for each in found if each.start]
    assert promoted
    assert all(e.seconds == 10 * (e.fidelity - e.start) for e in found)
    anew = searched("hyperband", rungs=True, budget=Budget(queries=60),
                    cluster=Cluster(checkpoints=False))  # fmt: skip
    assert all(e.seconds == 10 * e.fidelity for e in anew)


def test_a_search_on_an_unreliable_cluster_is_the_same_every_time():
    cluster = Cluster(workers=3, stragglers=0.2, failures=100.0, repair=30.0, attempts=2)
    how = {"budget": Budget(queries=60), "cluster": cluster}
    once, again = searched("evolution", **how), searched("evolution", **how)
    assert once == again
    assert {each.status for each in once} == {"complete", "given up"}
    assert any(each.attempts == 2 and each.status == "complete" for each in once)


def test_a_failed_training_is_told_as_such_and_the_search_goes_on():
    found = searched("evolution", bench=TinyBenchmark(failing="a"), budget=Budget(queries=30))
    failed = [each for each in found if each.status == "failed"]
    assert failed
    assert all(each.codes[0] == 0 and each.values == () for each in failed)


def test_the_metrics_of_the_whole_training_are_noted_beside():
    found = searched("hyperband", rungs=True, budget=Budget(queries=20))
    assert all(each.final[0] == pytest.approx(each.values[0] + 30 / each.fidelity - 30 / 27 - 1)
               for each in found)  # fmt: skip


def test_a_table_is_asked_the_same_question_once():
    bench = TinyBenchmark()
    oracle = Oracle(bench, ("valid_acc",), durations="epochs")
    before = bench.asked
    for _ in range(3):
        oracle.ask((1.0, 1.0, 1.0, 1.0))
    assert bench.asked == before + 1


def test_a_search_without_a_budget_is_refused():
    with pytest.raises(NepsbenchError, match="has no end"):
        searched(budget=Budget())


def test_a_search_that_takes_no_time_ends_in_an_error():
    class Free(TinyBenchmark):
        def trajectory(self, query):
            return {e: {**a, "train_duration": 0.0} for e, a in super().trajectory(query).items()}

    with pytest.raises(NepsbenchError, match="has no end; give a budget of queries"):
        searched(bench=Free(), budget=Budget(seconds=5))


@pytest.mark.parametrize(("metric", "words"), [("test_loss", "has no metric 'test_loss'"),
                                               ("lr", "neither better high nor low")])  # fmt: skip
def test_a_metric_that_cannot_be_optimised_is_refused_in_one_line(metric, words):
    with pytest.raises(NepsbenchError, match=words) as caught:
        Oracle(TinyBenchmark(), (metric,))
    assert "\n" not in str(caught.value)


def test_a_configuration_of_another_space_is_refused():
    with pytest.raises(InvalidConfigurationError, match="no parameter 'edge_0_1'"):
        TinyBenchmark()({"edge_0_1": "none"})


def test_durations_by_rule():
    bench, best = TinyBenchmark(), {"w": "c", "x": "c", "y": "c", "z": "c"}
    assert Durations(bench, "train").seconds(best, 9, start=3) == 60
    assert Durations(bench, "epochs").seconds(best, 9, start=3) == 6
    assert Durations(bench, "per-epoch").seconds(best, 9, start=3) == 60
    with pytest.raises(NotInTableError, match="no valid_duration"):
        Durations(bench, "valid").seconds(best, 9)
    with pytest.raises(NepsbenchError, match="no durations 'hours'"):
        Durations(bench, "hours")  # type: ignore[arg-type]


def test_an_optimiser_that_waits_leaves_workers_idle_and_still_ends():
    found = searched("local_search", budget=Budget(queries=50), cluster=Cluster(workers=4))
    assert len(found) == 50
    ends = [each.ended for each in found]
    assert all(a <= b for a, b in itertools.pairwise(ends))
