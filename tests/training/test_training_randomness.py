"""Seeds that every published result depends on: the same in every version."""

from __future__ import annotations

import pytest
import torch

from nepsbench.training.randomness import derived_seed, generator


@pytest.mark.parametrize(
    ("asked", "seed"),
    [
        ((1, "data", 1), 3042170862289189118),
        ((2, "data", 1), 7057173058508932333),
        ((1, "initialisation"), 8265763749451334590),
        ((1, "validation data", 3), 1123148604081573656),
    ],
)
def test_seeds_are_those_of_every_version_before(asked: tuple[int, str, int], seed: int) -> None:
    assert derived_seed(*asked) == seed


def test_without_an_epoch_it_is_epoch_nought() -> None:
    assert derived_seed(5, "order") == derived_seed(5, "order", 0)
    drawn = [torch.rand(2, generator=generator(5, "order", *epoch)) for epoch in ((), (0,))]
    assert torch.equal(*drawn)
