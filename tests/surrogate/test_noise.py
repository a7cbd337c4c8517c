from __future__ import annotations

import numpy as np
import pytest

from nepsbench.errors import NepsbenchError
from nepsbench.surrogate.noise import Noise, noise_of, normal_draw, seed_deviations, spread_of

RANDOM = np.random.default_rng(5)


def noisy(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Predictions from 0 to 1, and residuals whose deviation is three times as much at 0."""
    predicted = RANDOM.random(count)
    return predicted, RANDOM.normal(size=count) * (0.3 - 0.2 * predicted)


def test_a_known_spread_is_found_where_it_is() -> None:
    spread = spread_of(*noisy(4000))
    assert spread(np.array([0.1, 0.9])) == pytest.approx([0.28, 0.12], rel=0.15)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
def test_intervals_of_known_noise_hold_what_they_say(level: float) -> None:
    noise = noise_of(*noisy(1500))
    predicted, residuals = noisy(4000)
    inside = (np.abs(residuals) <= noise.half_width(predicted, level)).mean()
    assert inside == pytest.approx(level, abs=0.03)


def test_few_residuals_make_wide_intervals_not_narrow_ones() -> None:
    held = []
    for _ in range(200):
        predicted, residuals = noisy(9)
        asked, others = noisy(50)
        half = noise_of(predicted, residuals).half_width(asked, 0.8)
        held.append((np.abs(others) <= half).mean())
    assert np.mean(held) > 0.76


def test_the_spread_between_seeds_is_that_of_the_trainings() -> None:
    groups = np.repeat(np.arange(800), 3)
    quality = RANDOM.random(800)[groups]
    means, deviations = seed_deviations(groups, quality + RANDOM.normal(size=2400) * 0.1)
    assert np.sqrt(np.mean(deviations**2)) == pytest.approx(0.1, rel=0.1)
    assert len(means) == 2400


def test_single_trainings_tell_nothing_of_seeds() -> None:
    assert seed_deviations(np.arange(5), np.arange(5.0)) is None


def test_stored_noise_is_the_same() -> None:
    noise = noise_of(*noisy(300))
    again = Noise.from_dict(noise.to_dict())
    asked = np.linspace(0, 1, 9)
    assert again.half_width(asked, 0.7).tolist() == noise.half_width(asked, 0.7).tolist()
    assert again.seeds(asked).tolist() == noise.seeds(asked).tolist()


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, float("nan")])
def test_a_level_that_is_no_probability_is_refused(level: float) -> None:
    with pytest.raises(NepsbenchError, match="give a number between 0 and 1"):
        noise_of(*noisy(20)).half_width(np.zeros(1), level)


def test_draws_are_normal_and_the_same_again() -> None:
    draws = [normal_draw("1f3955f28890f375", draw, stream=0) for draw in range(2000)]
    assert np.mean(draws) == pytest.approx(0, abs=0.08)
    assert np.std(draws) == pytest.approx(1, abs=0.06)
    assert draws[7] == normal_draw("1f3955f28890f375", 7, stream=0)
    assert draws[7] != normal_draw("1f3955f28890f375", 7, stream=1)
    assert draws[7] != normal_draw("1f3955f28890f376", 7, stream=0)


@pytest.mark.parametrize("draw", [-1, True, 1.5, "1"])
def test_what_is_no_draw_is_refused(draw: object) -> None:
    with pytest.raises(NepsbenchError, match="give a whole number from 0"):
        normal_draw("1f3955f28890f375", draw, stream=0)
