"""What a surrogate proposes to train next, where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from nepsbench.errors import NepsbenchError
from nepsbench.schema import METRICS_BY_NAME
from nepsbench.spaces.parameters import FloatArray
from nepsbench.surrogate.extension import Committee, Proposal, convene, propose
from nepsbench.surrogate.fitting import TrainingData, training_data
from nepsbench.surrogate.groups import groups_of
from nepsbench.surrogate.targets import Target
from tests.tiny_benchmark import SPACE, configurations, metrics_of, plain_tables

TRAINED, LAST = 60, 4
ACCURACY = METRICS_BY_NAME["valid_acc"]


def truth(codes: FloatArray) -> FloatArray:
    return np.array([metrics_of(SPACE.decode(row.tolist()), LAST)["valid_acc"] for row in codes])


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return training_data(*plain_tables(TRAINED), SPACE)


@pytest.fixture(scope="module")
def pool() -> FloatArray:
    return np.array([SPACE.encode(each) for each in configurations(1500)])


@pytest.fixture(scope="module")
def proposal(data: TrainingData, pool: FloatArray) -> Proposal:
    return propose(data, pool, metric="valid_acc", count=20, seed=1)


def test_half_is_near_the_front_and_truly_better_than_the_pool(proposal: Proposal, pool):
    assert (proposal.epoch, proposal.near_the_front.sum(), len(proposal.codes)) == (LAST, 10, 20)
    near = truth(proposal.codes[proposal.near_the_front])
    assert near.mean() > np.quantile(truth(pool), 0.95)
    assert proposal.best == pytest.approx(truth(pool[:TRAINED]).max())


def test_the_gain_is_positive_and_what_is_unsure_is_wide(proposal: Proposal):
    assert proposal.expected_gain > 0
    width = proposal.high - proposal.low
    front = proposal.near_the_front
    assert np.median(width[~front]) > np.median(width[front])
    assert (proposal.low <= proposal.predicted).all()
    assert (proposal.predicted <= proposal.high).all()
    assert (proposal.high <= 100).all()


def test_nothing_is_proposed_that_was_trained_or_is_proposed_twice(
    proposal: Proposal, data: TrainingData
):
    groups = groups_of(SPACE, np.vstack([data.codes, proposal.codes]))
    trained, chosen = groups[:TRAINED], groups[TRAINED:]
    assert len(set(chosen)) == len(chosen)
    assert not set(chosen) & set(trained)


def test_the_same_question_has_the_same_answer(proposal: Proposal, data: TrainingData, pool):
    again = propose(data, pool, metric="valid_acc", count=20, seed=1)
    assert (again.codes == proposal.codes).all()
    assert again.expected_gain == proposal.expected_gain


def test_intervals_hold_about_as_much_as_they_say(data: TrainingData, pool):
    unseen = pool[TRAINED:]
    found = convene(data, ACCURACY, unseen, seed=1, members=6, threads=1)
    values = truth(unseen)
    inside = (found.quantile(0.05) <= values) & (values <= found.quantile(0.95))
    assert 0.7 <= inside.mean() <= 1.0


def test_a_loss_gets_lower(data: TrainingData, pool):
    found = propose(data, pool, metric="valid_loss", count=8, seed=1)
    near = found.predicted[found.near_the_front]
    assert near.mean() < np.quantile([metrics_of(c, LAST)["valid_loss"] for c in
                                      configurations(TRAINED)], 0.2)  # fmt: skip


def test_expected_improvement_is_that_of_a_normal_where_the_scale_is_flat():
    # On the logit scale, near 50, a small step is 25 times as much in points.
    one = Committee(Target("logit", 0.1), 4.0, np.array([0.0]), np.array([0.001]))
    expected = 0.025 * 0.3989  # of a normal around the best: deviation times the density at 0
    assert one.expected_improvement(50.0, 1.0)[0] == pytest.approx(expected, rel=0.02)


def test_what_cannot_be_improved_and_a_pool_too_small_are_refused(data: TrainingData, pool):
    with pytest.raises(
        NepsbenchError, match=r"no trial has a lr to improve; there are: .*test_acc"
    ):
        propose(data, pool, metric="lr", count=2, seed=1)
    with pytest.raises(NepsbenchError, match="of 65 configurations, 5 are new"):
        propose(data, pool[: TRAINED + 5], metric="valid_acc", count=6, seed=1)
