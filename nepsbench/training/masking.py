"""SpecAugment's masks: bands and times of some spectrograms are set to their least value.

Source: Park et al., SpecAugment (Interspeech 2019), as FSD50K's own code and NAS-Bench-360 use it:
a mask takes a stripe of bands and one of times, each from nothing to a share of all, at any place.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nepsbench.training.recipe_terms import Masks


def random_masks(
    inputs: int, shape: tuple[int, ...], masks: Masks, *, generator: torch.Generator
) -> Tensor:
    """Return the stripes of each input: int64, shape (masks, 4, inputs).

    The four are the first band, how many, the first time, how many; none where nothing is masked.

    Args:
        inputs: How many.
        shape: Of one: channels, bands and times.
        masks: How many masks, and how wide they may be.
        generator: Draws them.
    """
    is_masked = torch.rand(inputs, generator=generator) < masks.share
    counts = torch.randint(1, masks.most + 1, (inputs,), generator=generator) * is_masked
    stripes = []
    for number in range(masks.most):
        both = [
            _stripes(inputs, size, share, generator=generator)
            for size, share in zip(shape[1:], (masks.bands, masks.times), strict=True)
        ]
        stripe = torch.cat(both)
        stripe[1::2] *= number < counts
        stripes.append(stripe)
    return torch.stack(stripes)


def _stripes(inputs: int, size: int, share: float, *, generator: torch.Generator) -> Tensor:
    """Return where a stripe begins and how wide it is, (2, inputs), along a side of ``size``."""
    widths = (torch.rand(inputs, generator=generator) * share * size).long()
    begins = (torch.rand(inputs, generator=generator) * (size - widths)).long()
    return torch.stack((begins, widths))


def mask(inputs: Tensor, stripes: Tensor) -> Tensor:
    """Return inputs whose masked places have the least value of their input.

    Args:
        inputs: Shape (inputs, channels, bands, times).
        stripes: As :func:`random_masks` gives them.
    """
    bands, times = (torch.arange(size, device=inputs.device) for size in inputs.shape[2:])
    masked = torch.zeros((), dtype=torch.bool, device=inputs.device)
    for first_band, band_count, first_time, time_count in stripes:
        rows = _within(bands, first_band, band_count)[:, :, None]
        columns = _within(times, first_time, time_count)[:, None, :]
        masked = masked | rows | columns
    return torch.where(masked[:, None], inputs.amin((1, 2, 3), keepdim=True), inputs)


def _within(places: Tensor, first: Tensor, count: Tensor) -> Tensor:
    """Return which places lie in a stripe of each input, shape (inputs, places)."""
    off = places - first[:, None]
    return (off >= 0) & (off < count[:, None])
