"""Augmentation against Pillow, which the original benchmark used."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from nepsbench.training import resizing
from nepsbench.training.augmentation import at_resolution, crop_and_flip
from nepsbench.training.crops import Crops
from nepsbench.training.draws import draw
from nepsbench.training.recipe_terms import Masks
from nepsbench.training.resizing import resized_crops
from nepsbench.training.trivial_augment import OPERATIONS, trivial_augmented

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


def changed(images: torch.Tensor, name: str, level: int, sign: int = 1) -> torch.Tensor:
    """Return the images, each changed by the operation."""
    which = torch.arange(len(images))
    chosen, levels, signs = (
        torch.full_like(which, value) for value in (OPERATIONS.index(name), level, sign)
    )
    return trivial_augmented(images, which, chosen, levels=levels, signs=signs)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_is_pillows(name, channels):
    images = photographs(channels)
    for level in (0, 7, 15, 30):
        for image, result in zip(images, changed(images, name, level), strict=True):
            array = image.permute(1, 2, 0).numpy()
            pillow = PILLOW[name](Image.fromarray(array.squeeze()), level / 30)
            expected = np.asarray(pillow, dtype=int).reshape(array.shape)
            off = np.abs(result.permute(1, 2, 0).numpy().astype(int) - expected)
            assert (off > 1).mean() < 0.01, (name, level)  # rounding at pixel borders


def test_every_image_of_a_batch_is_changed_on_its_own():
    images = photographs(3).repeat(5, 1, 1, 1)[:14]
    chosen, signs = torch.arange(14), 1 - 2 * (torch.arange(14) % 2)
    levels = 2 * torch.arange(14)
    which = torch.arange(14).flip(0)
    together = trivial_augmented(images, which, chosen, levels=levels, signs=signs)
    for k, name in enumerate(OPERATIONS):
        image = images[which[k]].unsqueeze(0)
        alone = changed(image, name, int(levels[k]), int(signs[k]))
        assert torch.equal(alone[0], together[k]), name


@pytest.mark.parametrize("size", [1, 2, 8])
def test_trivial_augment_takes_images_of_any_size(size):
    images = torch.randint(256, (200, 1, size, size), dtype=torch.uint8)
    chosen = torch.arange(200) * len(OPERATIONS) // 200
    levels = torch.arange(200) % 31
    which, signs = torch.arange(200), torch.ones_like(levels)
    result = trivial_augmented(images, which, chosen, levels=levels, signs=signs)
    assert result.unique().numel() > 100


def test_an_image_is_padded_cropped_and_then_mirrored():
    images = torch.arange(2 * 9, dtype=torch.uint8).reshape(2, 1, 3, 3) + 1
    crops = Crops(
        torch.arange(2),
        offsets=torch.tensor([[0, 1], [2, 1]]),
        flips=torch.tensor([True, False]),
        padding=1,
    )
    found = crop_and_flip(images, crops, resolution=1.0)
    assert found[0, 0].tolist() == [[0, 0, 0], [0, 3, 2], [0, 6, 5]]
    assert torch.equal(found[1], images[1])


@pytest.mark.parametrize(
    ("size", "padding"), [((32, 32), 2), ((9, 14), 1), ((2, 3), 4), ((8, 8), 0)]
)
@pytest.mark.parametrize("resolution", [1.0, 0.5])
def test_crops_mirror_images_and_sizes_are_pillows(size, padding, resolution):
    random = torch.Generator().manual_seed(0)
    count = 40
    images = torch.randint(256, (count, 3, *size), dtype=torch.uint8, generator=random)
    offsets = torch.randint(0, 2 * padding + 1, (2, count), generator=random)
    flips = torch.rand(count, generator=random) < 0.5
    which = torch.randperm(count, generator=random)
    found = crop_and_flip(images, Crops(which, offsets, flips, padding), resolution=resolution)
    height, width = size
    for k, (row, column) in enumerate(offsets.T.tolist()):
        image = Image.fromarray(images[which[k]].permute(1, 2, 0).numpy())
        image = ImageOps.expand(image, border=padding)
        image = image.crop((column, row, column + width, row + height))
        new_size = max(1, int(width * resolution)), max(1, int(height * resolution))
        image = image.resize(new_size, Image.Resampling.BILINEAR)
        image = ImageOps.mirror(image) if flips[k] else image
        off = found[k].permute(1, 2, 0).numpy() - np.asarray(image, dtype=int)
        assert not off.any()


def test_the_draws_of_a_part_are_those_of_its_images():
    def drawn() -> torch.Generator:
        return torch.Generator().manual_seed(3)

    order = torch.randperm(50, generator=drawn())
    draws = draw(
        order,
        padding=4,
        flip=True,
        cutout=(3, 8, 8),
        trivial_augment=True,
        background=(0.0, 2.0),
        masks=(Masks(share=0.5, most=2, bands=0.2, times=0.2), (1, 96, 101)),
        generator=drawn(),
    )
    part = draws.take(slice(10, 20))
    assert torch.equal(part.order, order[10:20])
    assert torch.equal(part.operations, draws.operations[:, 10:20])
    assert torch.equal(part.backgrounds, draws.backgrounds[10:20])
    assert torch.equal(part.masks, draws.masks[..., 10:20])
    assert 0 < draws.flips.sum() < 50
    assert draws.offsets.unique().tolist() == list(range(9))
    assert torch.equal(part.centres, draws.centres[:, 10:20])
    plain = draw(order, padding=4, flip=True, cutout=None, trivial_augment=False, generator=drawn())
    assert torch.equal(plain.offsets, draws.offsets)
    assert torch.equal(plain.flips, draws.flips)


def test_resizing_keeps_means_and_full_resolution_keeps_every_pixel():
    images = photographs(3)
    assert at_resolution(images, 1.0) is images
    for resolution, size in ((0.5, 16), (0.25, 8)):
        small = at_resolution(images, resolution)
        assert small.shape == (3, 3, size, size)
        assert small.float().mean() == pytest.approx(images.float().mean(), abs=1)


@pytest.mark.parametrize(
    ("size", "resolution"),
    [((32, 32), 0.25), ((150, 150), 0.25), ((28, 60), 0.5), ((64, 40), 0.1), ((7, 9), 1.5)],
)
def test_every_pixel_of_a_resized_image_is_torchs_and_nearly_pillows(size, resolution):
    random = torch.Generator().manual_seed(1)
    images = torch.randint(256, (3, 3, *size), dtype=torch.uint8, generator=random)
    images[2] = 255 * (images[2] > 127)  # as bright and as dark as can be
    height, width = (int(resolution * side) for side in size)
    found = at_resolution(images, resolution)
    if torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512"):  # elsewhere torch uses floats
        shape = {"size": (height, width), "mode": "bilinear", "antialias": True}
        assert torch.equal(found, torch.nn.functional.interpolate(images, **shape))
    for image, small in zip(images, found, strict=True):
        pillow = Image.fromarray(image.permute(1, 2, 0).numpy())
        expected = np.asarray(pillow.resize((width, height), Image.Resampling.BILINEAR))
        off = np.abs(small.permute(1, 2, 0).numpy() - expected.astype(int))
        assert off.max() <= 1
        assert (off > 0).mean() < 0.02


def test_images_are_resized_alike_however_many_are_taken_together(monkeypatch):
    images = torch.randint(256, (9, 3, 12, 12), dtype=torch.uint8)
    offsets = torch.ones(2, 9, dtype=torch.int64)
    crops = Crops(torch.arange(9), offsets, torch.arange(9) % 2 == 0, padding=1)
    expected = at_resolution(images, 0.5), resized_crops(images, crops, (6, 6))
    monkeypatch.setattr(resizing, "_TOGETHER", 2 * images[0].numel())
    found = resized_crops(images, crops, (6, 6))
    assert torch.equal(at_resolution(images, 0.5), expected[0])
    assert torch.equal(found, expected[1])
