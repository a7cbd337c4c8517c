"""Parts of channels: the same values and gradients as slices, and memory of their own."""

from __future__ import annotations

import pytest
import torch

from nepsbench.spaces.networks.parts import put_together, taken_apart

_CHANNELS = (3, 1, 4)
_LAST = torch.channels_last


def _images(channels: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(channels)
    images = torch.randn(2, channels, 5, 5, generator=random).to(memory_format=_LAST)
    return images.requires_grad_()


def test_each_part_of_images_has_its_channels_in_memory_of_its_own() -> None:
    x = _images(sum(_CHANNELS))

    parts = taken_apart(x, _CHANNELS)

    for part, expected in zip(parts, x.split(_CHANNELS, dim=1), strict=True):
        assert torch.equal(part, expected)
        assert part.is_contiguous(memory_format=_LAST)


def test_what_is_put_together_gives_each_part_its_gradient_in_memory_of_its_own() -> None:
    parts = [_images(channels) for channels in _CHANNELS]
    weights = _images(sum(_CHANNELS)).detach()

    whole = put_together(parts)
    gradients = torch.autograd.grad((whole * weights).sum(), parts)

    assert torch.equal(whole, torch.cat(parts, dim=1))
    for gradient, expected in zip(gradients, weights.split(_CHANNELS, dim=1), strict=True):
        assert torch.equal(gradient, expected)
        assert gradient.is_contiguous(memory_format=_LAST)


def test_gradients_of_parts_are_put_together_again() -> None:
    x = _images(sum(_CHANNELS))
    factors = (2.0, 3.0, 5.0)

    parts = taken_apart(x, _CHANNELS)
    total = sum((part.sum() * by for part, by in zip(parts, factors, strict=True)), torch.zeros(()))
    (gradient,) = torch.autograd.grad(total, x)

    for part, by in zip(gradient.split(_CHANNELS, dim=1), factors, strict=True):
        assert torch.equal(part, torch.full_like(part, by))


@pytest.mark.parametrize("whole", [taken_apart, lambda x, _: [put_together([x])]])
def test_a_single_part_is_not_copied(whole: object) -> None:
    x = _images(3)

    (part,) = whole(x, [3])  # type: ignore[operator]

    assert part is x
