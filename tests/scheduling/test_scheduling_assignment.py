"""Trials onto workers: what even the smallest plans must hold."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nepsbench.scheduling.assignment import even_out, loads_of, longest_first, lower_bound

SECONDS = st.lists(st.floats(1, 1000), min_size=1, max_size=60)


@given(SECONDS, st.integers(1, 8), st.floats(1, 2000))
def test_swaps_lower_the_makespan_or_leave_it_and_place_the_same_trials(lengths, workers, room):
    seconds = np.array(lengths)
    before = longest_first(seconds, workers, capacity=room)
    kept = before.copy()
    after = even_out(seconds, before, workers)
    assert np.array_equal(before, kept)
    assert np.array_equal(after < 0, before < 0)
    makespans = [loads_of(seconds, each, workers).max() for each in (before, after)]
    assert makespans[1] <= makespans[0] * (1 + 1e-12)
    assert makespans[1] >= lower_bound(seconds[after >= 0], workers) * (1 - 1e-12)


def test_swaps_find_what_the_longest_first_missed() -> None:
    seconds = np.array([3.0, 3.0, 2.0, 2.0, 2.0])
    assigned = longest_first(seconds, 2, capacity=100)
    assert loads_of(seconds, assigned, 2).tolist() == [7.0, 5.0]
    assert loads_of(seconds, even_out(seconds, assigned, 2), 2).tolist() == [6.0, 6.0]
    assert lower_bound(seconds, 2) == 6.0


def test_a_trial_that_does_not_fit_is_placed_nowhere_and_counts_nowhere() -> None:
    seconds = np.array([9.0, 2.0, 2.0])
    assigned = longest_first(seconds, 2, capacity=4)
    assert assigned.tolist() == [-1, 0, 1]
    assert even_out(seconds, assigned, 2).tolist() == [-1, 0, 1]
    assert loads_of(seconds, assigned, 2).tolist() == [2.0, 2.0]
