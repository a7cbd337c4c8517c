from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepsbench.cluster.warning import stop_time
from nepsbench.errors import SpecError
from nepsbench.scheduling import Limits, plan

RUNTIMES = st.lists(st.floats(0, 5000, allow_subnormal=False), max_size=60).map(np.array)
LIMITS = st.builds(
    Limits,
    nodes=st.integers(1, 3),
    cpus_per_node=st.integers(2, 4),
    cpus_per_worker=st.integers(1, 2),
    max_jobs=st.integers(1, 3),
    time_limit=st.sampled_from([600, 3600, 36_000]),
)


def planned_trials(result):
    return [int(i) for job in result.jobs for portfolio in job.portfolios for i in portfolio]


@given(RUNTIMES, LIMITS)
def test_every_trial_is_in_one_portfolio_or_in_the_remainder(seconds, limits):
    result = plan(seconds, limits)
    everywhere = planned_trials(result) + result.remainder.tolist()
    assert sorted(everywhere) == list(range(len(seconds)))


@given(RUNTIMES, LIMITS)
def test_no_job_exceeds_its_limits(seconds, limits):
    result = plan(seconds, limits)
    assert len(result.jobs) <= limits.max_jobs
    for job in result.jobs:
        asked = job.resources
        assert asked.tasks == len(job.portfolios) == len(job.seconds)
        assert 1 <= asked.nodes <= limits.nodes
        assert asked.tasks * asked.cpus_per_task <= asked.nodes * limits.cpus_per_node
        assert asked.time_limit <= limits.time_limit
        assert all(len(portfolio) for portfolio in job.portfolios)


@given(RUNTIMES, LIMITS)
def test_predicted_seconds_are_those_of_the_portfolios_and_fit_the_time_limit(seconds, limits):
    for job in plan(seconds, limits).jobs:
        sums = [np.minimum(seconds[p], limits.capacity).sum() for p in job.portfolios]
        np.testing.assert_allclose(job.seconds, sums, rtol=1e-9)
        needed = limits.startup + limits.margin * max(sums)
        assert needed <= stop_time(job.resources.time_limit) + 1e-6


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(1, 3))
def test_the_makespan_is_never_worse_than_four_thirds_of_the_best(lengths, workers):
    seconds = np.array(lengths, dtype=np.float64)
    best = min(
        max(sum(s for s, w in zip(lengths, owners, strict=True) if w == k) for k in range(workers))
        for owners in product(range(workers), repeat=len(lengths))
    )
    result = plan(seconds, Limits(nodes=1, cpus_per_node=workers))
    assert result.bound <= best + 1e-9
    assert best <= result.makespan <= 4 / 3 * best + 1e-9


@given(RUNTIMES, LIMITS)
def test_equal_input_gives_an_equal_plan(seconds, limits):
    first, second = plan(seconds, limits), plan(seconds.copy(), limits)
    assert planned_trials(first) == planned_trials(second)
    assert [job.resources for job in first.jobs] == [job.resources for job in second.jobs]


def test_no_trials_make_no_jobs():
    result = plan(np.array([]), Limits())
    assert result.jobs == ()
    assert (result.trials, result.makespan, result.bound, result.utilisation) == (0, 0, 0, 1)


def test_trials_that_take_no_time_share_one_worker():
    result = plan(np.zeros(5), Limits(cpus_per_node=4))
    assert [len(p) for p in result.jobs[0].portfolios] == [5]
    assert result.jobs[0].resources.time_limit == 120, "60 s of start-up and 20 s of warning"


def test_a_trial_longer_than_a_job_gets_a_worker_of_its_own_and_is_marked():
    limits = Limits(cpus_per_node=2, time_limit=3600)
    result = plan(np.array([10.0, 1e6, 20.0]), limits)
    assert result.partial.tolist() == [1]
    assert [p.tolist() for p in result.jobs[0].portfolios] == [[1], [2, 0]]
    assert result.jobs[0].resources.time_limit == 3600


def test_trials_that_no_job_has_time_for_are_the_remainder():
    limits = Limits(time_limit=780, startup=60, margin=1)
    result = plan(np.array([100.0, 400.0, 300.0, 150.0]), limits)
    assert [p.tolist() for p in result.jobs[0].portfolios] == [[1, 3]]
    assert result.remainder.tolist() == [0, 2]


def test_a_trial_that_needs_more_memory_than_a_node_has_is_in_the_remainder():
    limits = Limits(cpus_per_node=4, memory_mb_per_node=1000)
    result = plan(np.full(5, 60.0), limits, memory_mb=np.array([400, 100, 2000, 300, 200.0]))
    assert result.remainder.tolist() == [2]
    assert result.jobs[0].resources.memory_mb == 400
    assert result.workers == 2, "two workers of 400 MB fit a node of 1000 MB"


def test_more_workers_than_the_longest_trial_allows_are_not_used():
    result = plan(np.array([100.0] + [10.0] * 10), Limits(nodes=4, cpus_per_node=48))
    assert (result.workers, result.makespan) == (2, 100)


def test_empty_nodes_are_dropped_and_the_time_limit_is_clipped():
    limits = Limits(nodes=8, cpus_per_node=2, time_limit=36_000, margin=1, startup=30)
    result = plan(np.full(6, 100.0), limits)
    assert (result.jobs[0].resources.nodes, result.jobs[0].resources.time_limit) == (3, 180)


def test_later_jobs_hold_shorter_workers_and_ask_for_less_time():
    limits = Limits(max_jobs=2, cpus_per_node=1, margin=1, startup=0)
    result = plan(np.array([500.0, 130.0, 100.0]), limits)
    assert [job.resources.time_limit for job in result.jobs] == [660, 360]


def test_the_bound_knows_that_trials_are_not_divisible():
    result = plan(np.full(7, 60.0), Limits(cpus_per_node=3))
    assert (result.makespan, result.bound) == (180, 180)


def test_utilisation_counts_the_whole_node():
    result = plan(np.array([3600.0]), Limits(cpus_per_node=4))
    assert (result.utilisation, result.cpu_hours, result.reserved_cpu_hours) == (0.25, 1, 4)


@pytest.mark.parametrize("spread", [0.25, 1.0])
def test_many_trials_end_within_one_percent_of_the_lower_bound(spread):
    seconds = np.random.default_rng(1).lognormal(5, spread, 20_000)
    result = plan(seconds, Limits(nodes=64, cpus_per_node=48))
    assert result.makespan <= 1.01 * result.bound


@pytest.mark.parametrize("bad", [np.nan, -1.0, np.inf])
def test_a_runtime_that_is_no_time_is_refused_by_its_row(bad):
    with pytest.raises(SpecError, match="trial 1 has a runtime"):
        plan(np.array([1.0, bad]), Limits())


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"nodes": 0}, "nodes=0"),
        ({"cpus_per_worker": 9, "cpus_per_node": 8}, "fits no node"),
        ({"memory_mb_per_node": 100, "memory_mb_per_worker": 200}, "200 MB fits no node"),
        ({"time_limit": 60, "startup": 60}, "raise time_limit"),
        ({"margin": 0.5}, "margin"),
    ],
)
def test_limits_that_no_job_can_keep_are_refused(wrong, named):
    with pytest.raises(SpecError, match=named):
        Limits(**wrong)


def test_a_trial_that_takes_all_of_the_time_is_whole():
    limits = Limits(nodes=1, cpus_per_node=2, time_limit=3600)
    whole, longer = limits.capacity, np.nextafter(limits.capacity, np.inf)
    assert plan(np.array([whole, 1.0]), limits).partial.tolist() == []
    assert plan(np.array([longer, 1.0]), limits).partial.tolist() == [0]


def test_workers_are_added_until_every_trial_has_a_place():
    limits = Limits(nodes=1, cpus_per_node=5, time_limit=3600)
    # Four workers could hold the sum, but not these pieces; their makespan is the best there is.
    seconds = np.array([3.0, 3.0, 2.0, 2.0, 2.0]) / 3.0 * limits.capacity
    result = plan(seconds, limits)
    assert result.remainder.tolist() == []
    assert result.workers == 5


@pytest.mark.parametrize(("node", "placed"), [(1000, 2), (999, 1)])
def test_a_trial_may_need_all_of_a_nodes_memory_and_no_more(node, placed):
    limits = Limits(nodes=1, cpus_per_node=4, memory_mb_per_node=node)
    result = plan(np.array([1.0, 2.0]), limits, memory_mb=np.array([1000.0, 400.0]))
    assert (result.trials, len(result.remainder)) == (placed, 2 - placed)


def test_hours_count_every_core_of_a_worker_and_reserved_ones_every_core_of_a_node():
    limits = Limits(nodes=1, cpus_per_node=8, cpus_per_worker=4)
    result = plan(np.array([1800.0, 3600.0]), limits)
    assert result.trials == 2
    assert result.cpu_hours == pytest.approx(1.5 * 4)
    assert result.reserved_cpu_hours == pytest.approx(1 * 8)
