import numpy as np
import pytest

from nepsbench.scheduling.estimate import (
    DEFAULT_SECONDS,
    cost_features,
    seconds_per_epoch,
    weighted_fit,
)
from nepsbench.spaces import get_space
from nepsbench.spaces.nepsbench101_cost import flops
from nepsbench.spaces.networks import Problem, build_network
from nepsbench.spaces.networks.size import count_flops

SPACE = get_space("nepsbench101")


@pytest.fixture(scope="module")
def codes():
    words = np.random.default_rng(5).integers(0, 2**64, size=(3000, 16), dtype=np.uint64)
    return SPACE.draw(words)


@pytest.fixture(scope="module")
def truth(codes):
    noise = np.random.default_rng(6).normal(0, 0.05, len(codes))
    return (0.5 + 0.02 * flops(codes)) * np.exp(noise)


def known(truth, count):
    return np.where(np.arange(len(truth)) < count, truth, np.nan)


def test_measured_trials_keep_what_was_measured(codes, truth):
    estimate = seconds_per_epoch(known(truth, 100), features=cost_features(SPACE, codes))
    np.testing.assert_array_equal(estimate.seconds[:100], truth[:100])
    assert estimate.measured == 100


def test_a_pilot_predicts_the_other_trials(codes, truth):
    estimate = seconds_per_epoch(known(truth, 500), features=cost_features(SPACE, codes))
    errors = np.log(estimate.seconds[500:] / truth[500:])
    assert np.sqrt(np.mean(errors**2)) < 0.12
    assert 1.0 < estimate.tail < 1.3


def test_the_tail_covers_about_nineteen_of_twenty_unmeasured_trials(codes, truth):
    estimate = seconds_per_epoch(known(truth, 500), features=cost_features(SPACE, codes))
    covered = truth[500:] <= estimate.tail * estimate.seconds[500:]
    assert 0.9 < covered.mean() < 0.99


def test_a_trial_that_was_slowed_down_bends_nothing(codes, truth):
    slowed = known(truth, 500)
    slowed[:10] *= 50
    features = cost_features(SPACE, codes)
    clean = seconds_per_epoch(known(truth, 500), features=features).seconds[500:]
    bent = seconds_per_epoch(slowed, features=features).seconds[500:]
    assert np.median(np.abs(np.log(bent / clean))) < 0.03


def test_the_profile_is_trusted_while_little_is_measured(codes, truth):
    told = np.full(len(codes), 7.0)
    features = cost_features(SPACE, codes)
    few = seconds_per_epoch(known(truth, 9), features=features, fallback=told)
    many = seconds_per_epoch(known(truth, 10), features=features, fallback=told)
    assert (few.seconds[9:] == 7.0).all()
    assert (many.seconds[10:] != 7.0).all()


def test_one_measured_trial_speaks_for_all_where_the_profile_is_silent(codes, truth):
    estimate = seconds_per_epoch(known(truth, 1), features=cost_features(SPACE, codes))
    np.testing.assert_allclose(estimate.seconds, truth[0])
    assert estimate.tail is None


def test_nothing_known_gives_the_default(codes):
    nothing = np.full(len(codes), np.nan)
    estimate = seconds_per_epoch(nothing, features=cost_features(SPACE, codes))
    assert (estimate.seconds == DEFAULT_SECONDS).all()


def test_counted_flops_are_those_of_the_network(codes):
    for row in codes[:4]:
        configuration = SPACE.decode(row.tolist())
        side = round(12 * configuration["Resolution"])
        network = build_network("nepsbench101", configuration, Problem((1, 32, 32), outputs=7))
        counted = flops(row[None], image_size=12, channels=1, classes=7)[0]
        assert counted == pytest.approx(count_flops(network, (1, side, side)))


def test_leverage_gives_the_error_of_a_fit_without_the_row():
    random = np.random.default_rng(3)
    x = np.column_stack([np.ones(20), random.normal(size=(20, 3))])
    target, weights = random.normal(size=20), random.uniform(0.1, 1, 20)
    ridge = np.diag([0.0, 0.2, 0.2, 0.2])
    coefficients, leverage = weighted_fit(x, target, weights, ridge=ridge)
    errors = (target - x @ coefficients) / (1 - leverage)
    for row in range(20):
        others = np.arange(20) != row
        without, _ = weighted_fit(x[others], target[others], weights[others], ridge=ridge)
        assert errors[row] == pytest.approx(target[row] - x[row] @ without)
