from __future__ import annotations

import pytest

from nepsbench.client.cluster_clock import Cluster, ClusterClock
from nepsbench.errors import NepsbenchError


def run(clock: ClusterClock, trainings: list[tuple[str, float]], epochs: int = 1) -> list[object]:
    """Start trainings in order, each as soon as a worker is idle; return how they ended."""
    left, ended = list(trainings), []
    while True:
        while left and clock.idle:
            name, seconds = left.pop(0)
            clock.start(name, seconds, epochs=epochs)
        end = clock.advance()
        if end is None:
            return ended
        ended.append(end)


def test_two_workers_train_at_the_same_time_and_the_shorter_ends_first():
    ended = run(ClusterClock(Cluster(workers=2)), [("a", 10), ("b", 4), ("c", 3)])
    assert [(e.ticket, e.worker, e.started, e.ended) for e in ended] == [
        (1, 1, 0, 4), (2, 1, 4, 7), (0, 0, 0, 10),
    ]  # fmt: skip


def test_of_two_that_end_together_the_first_to_start_comes_first():
    ended = run(ClusterClock(Cluster(workers=3)), [("a", 5), ("b", 5), ("c", 5)])
    assert [e.ticket for e in ended] == [0, 1, 2]


def test_a_straggler_takes_as_many_times_as_long():
    [end] = run(ClusterClock(Cluster(stragglers=1.0, slowdown=3.0, start_up=2.0)), [("a", 10)])
    assert end.ended == 32


def test_as_many_straggle_as_was_said():
    cluster = Cluster(workers=2, stragglers=0.2, slowdown=5)
    ended = run(ClusterClock(cluster, 1), [(f"t{k}", 10) for k in range(1000)])
    slow = sum(e.ended - e.started > 10 for e in ended)
    assert 150 < slow < 250


def test_a_day_has_as_many_failures_as_was_said():
    cluster = Cluster(failures=2.0, attempts=1)
    ended = run(ClusterClock(cluster, 1), [(f"t{k}", 8_640) for k in range(1000)])  # tenths of days
    failed = sum(not e.is_complete for e in ended) / 1000
    assert failed == pytest.approx(1 - 2.718281828 ** (-0.2), abs=0.04)


def test_with_checkpoints_a_failure_costs_less_than_starting_anew():
    trainings = [(f"t{k}", 86_400.0) for k in range(200)]

    def lasted(checkpoints: bool) -> float:
        cluster = Cluster(failures=1.0, attempts=50, repair=60.0, checkpoints=checkpoints)
        ended = run(ClusterClock(cluster, 3), trainings, epochs=100)
        assert all(e.is_complete for e in ended)
        return sum(e.ended - e.started for e in ended) / len(ended)

    assert 86_400 < lasted(True) < 1.05 * 86_400
    assert lasted(False) > 1.4 * 86_400


def test_a_training_is_given_up_after_its_attempts():
    [end] = run(ClusterClock(Cluster(failures=1e6, attempts=3, repair=5.0)), [("a", 86_400.0)])
    assert (end.is_complete, end.attempts) == (False, 3)
    assert 10 < end.ended < 20


def test_the_fate_of_a_training_depends_on_its_name_and_the_seed_alone():
    cluster = Cluster(workers=3, stragglers=0.3, failures=5.0, repair=100.0)
    trainings = [(f"t{k}", 3_600.0 + k) for k in range(50)]

    def lasted(seed: int, order: list[tuple[str, float]]) -> dict[float, float]:
        ended = run(ClusterClock(cluster, seed), order, epochs=10)
        return {order[e.ticket][1]: round(e.ended - e.started, 6) for e in ended}

    assert lasted(1, trainings) == lasted(1, trainings[::-1])
    assert lasted(1, trainings) != lasted(2, trainings)


def test_what_no_cluster_can_be_is_refused():
    for wrong in ({"workers": 0}, {"stragglers": 1.5}, {"failures": -1.0}, {"slowdown": 0.5}):
        with pytest.raises(NepsbenchError, match=next(iter(wrong))):
            Cluster(**wrong)


def test_a_busy_cluster_starts_nothing():
    clock = ClusterClock(Cluster())
    clock.start("a", 1.0)
    with pytest.raises(NepsbenchError, match="all 1 workers are busy"):
        clock.start("b", 1.0)
