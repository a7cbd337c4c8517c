"""Augmentation against Pillow, which the original benchmark used."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from nepsbench.training.augmentation import at_resolution, crop_and_flip
from nepsbench.training.trivial_augment import OPERATIONS, apply_operations, trivial_augment

AFFINE = Image.Transform.AFFINE
PILLOW = {
    "identity": lambda image, _: image,
    "autocontrast": lambda image, _: ImageOps.autocontrast(image),
    "equalize": lambda image, _: ImageOps.equalize(image),
    "rotate": lambda image, s: image.rotate(int(30 * s)),
    "solarize": lambda image, s: ImageOps.solarize(image, 256 - int(256 * s)),
    "color": lambda image, s: ImageEnhance.Color(image).enhance(0.1 + 1.8 * s),
    "posterize": lambda image, s: ImageOps.posterize(image, 8 - int(4 * s)),
    "contrast": lambda image, s: ImageEnhance.Contrast(image).enhance(0.1 + 1.8 * s),
    "brightness": lambda image, s: ImageEnhance.Brightness(image).enhance(0.1 + 1.8 * s),
    "sharpness": lambda image, s: ImageEnhance.Sharpness(image).enhance(0.1 + 1.8 * s),
    "shear_x": lambda image, s: image.transform(image.size, AFFINE, (1, 0.3 * s, 0, 0, 1, 0)),
    "shear_y": lambda image, s: image.transform(image.size, AFFINE, (1, 0, 0, 0.3 * s, 1, 0)),
    "translate_x": lambda image, s: image.transform(
        image.size, AFFINE, (1, 0, int(10 * s), 0, 1, 0)
    ),
    "translate_y": lambda image, s: image.transform(
        image.size, AFFINE, (1, 0, 0, 0, 1, int(10 * s))
    ),
}


def photographs(channels: int) -> torch.Tensor:
    """Return smooth random images of 32x32 that use part of the grey scale."""
    random = torch.Generator().manual_seed(0)
    coarse = 30 + 180 * torch.rand(3, channels, 5, 5, generator=random)
    smooth = torch.nn.functional.interpolate(coarse, size=(32, 32), mode="bilinear")
    return smooth.to(torch.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_is_pillows(name, channels):
    images = photographs(channels)
    for level in (0, 7, 15, 30):
        found = apply_operations(
            images,
            torch.full((3,), OPERATIONS.index(name)),
            levels=torch.full((3,), level),
            signs=torch.ones(3, dtype=torch.int64),
        )
        for image, result in zip(images, found, strict=True):
            array = image.permute(1, 2, 0).numpy()
            pillow = PILLOW[name](Image.fromarray(array.squeeze()), level / 30)
            expected = np.asarray(pillow, dtype=int).reshape(array.shape)
            off = np.abs(result.permute(1, 2, 0).numpy().astype(int) - expected)
            assert (off > 1).mean() < 0.01, (name, level)  # rounding at pixel borders


def test_every_image_of_a_batch_is_changed_on_its_own():
    images = photographs(3)
    chosen = torch.tensor([3, 1, 9])
    levels, signs = torch.tensor([20, 0, 30]), torch.tensor([-1, 1, 1])
    together = apply_operations(images, chosen, levels=levels, signs=signs)
    for k in range(3):
        alone = apply_operations(
            images[k : k + 1], chosen[k : k + 1], levels=levels[k : k + 1], signs=signs[k : k + 1]
        )
        assert torch.equal(alone[0], together[k])


@pytest.mark.parametrize("size", [1, 2, 8])
def test_trivial_augment_takes_images_of_any_size(size):
    images = torch.randint(256, (200, 1, size, size), dtype=torch.uint8)
    result = trivial_augment(images, generator=torch.Generator().manual_seed(1))
    assert result.shape == images.shape
    assert result.dtype == torch.uint8


def test_crop_and_flip_is_a_flip_then_a_crop_of_the_padded_image():
    images = torch.arange(2 * 9, dtype=torch.uint8).reshape(2, 1, 3, 3) + 1
    found = crop_and_flip(
        images,
        offsets=torch.tensor([[0, 1], [2, 1]]),
        flips=torch.tensor([True, False]),
        padding=1,
    )
    assert found[0, 0].tolist() == [[0, 0, 0], [2, 1, 0], [5, 4, 0]]
    assert torch.equal(found[1], images[1])


def test_resizing_keeps_means_and_full_resolution_keeps_every_pixel():
    images = photographs(3)
    assert at_resolution(images, 1.0) is images
    for resolution, size in ((0.5, 16), (0.25, 8)):
        small = at_resolution(images, resolution)
        assert small.shape == (3, 3, size, size)
        assert small.float().mean() == pytest.approx(images.float().mean(), abs=1)
