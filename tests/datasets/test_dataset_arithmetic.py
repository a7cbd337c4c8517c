"""What is computed on the way: the sphere, sound, windows; each beside another way to the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nepsbench.datasets.audio import RATE, cut_chunks, log_mel, mel_filters, read_wav
from nepsbench.datasets.scratch import scratch_array
from nepsbench.datasets.sphere import grid_of_angles, project, rotation, sampling_weights
from nepsbench.datasets.splits import drawn_numbers
from nepsbench.datasets.windows import Signal, cut_windows
from tests.datasets.published_files import write_sound

RANDOM = np.random.default_rng(3)


def seen_from_the_pole(image: np.ndarray, point: np.ndarray) -> float:
    """Return the value at a point of the sphere by the published formula, step by step."""
    x, y, z = point[0], point[1], point[2] + 1
    t = -z / (z - 2.001)
    position = [((t * c + c) + 1.5) / 3 * 32 for c in (x, y)]
    total = 0.0
    for down in (-1, 1):
        for right in (-1, 1):
            at = [int(position[0]) + down, int(position[1]) + right]
            weight = 1.0
            for place, whole, side in zip(position, map(int, position), (down, right), strict=True):
                weight *= whole + 1 - place if side < 0 else place - whole + 1
            if all(0 <= k < 32 for k in at):
                total += weight * image[at[0], at[1]]
    return total


def test_values_on_the_sphere_are_those_of_the_published_formula():
    image = RANDOM.integers(0, 256, (32, 32)).astype(float)
    turned = np.einsum("ij,jab->iab", rotation(drawn_numbers("x", 3)), grid_of_angles(6))
    values = sampling_weights(turned, 32, 32) @ image.ravel()
    expected = [seen_from_the_pole(image, point) for point in turned.reshape(3, -1).T]
    assert np.allclose(values, expected)
    assert np.count_nonzero(values) > 50


def test_rotations_are_rotations_and_differ():
    first, second = (rotation(drawn_numbers(name, 3)) for name in "ab")
    for matrix in (first, second):
        assert np.allclose(matrix @ matrix.T, np.eye(3))
        assert np.linalg.det(matrix) == pytest.approx(1)
    assert np.abs(first - second).max() > 0.1


def test_an_image_on_the_sphere_is_stretched_by_channel_and_shares_its_chunks_rotation():
    images = RANDOM.integers(0, 256, (5, 3, 32, 32), dtype=np.uint8)
    images[1], images[4] = images[0], images[0]
    seen = project(images, name="x", chunk=2)
    assert (seen.shape, seen.dtype) == ((5, 3, 60, 60), np.uint8)
    assert (seen.min((2, 3)) == 0).all()
    assert (seen.max((2, 3)) == 255).all()
    assert np.array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[0], seen[4])
    assert np.array_equal(seen, project(images, name="x", chunk=2))


def test_an_image_without_contrast_is_black_on_the_sphere():
    assert not project(np.zeros((1, 1, 32, 32), np.uint8), name="x").any()


def test_spectrograms_are_those_of_torchs_transform():
    chunks = RANDOM.normal(size=(2, RATE)).astype(np.float32)
    spectra = torch.stft(
        torch.from_numpy(chunks), 1920, 220, 661, torch.hann_window(661),
        center=True, pad_mode="reflect", return_complex=True,
    )  # fmt: skip
    power = np.einsum("cft,fb->cbt", spectra.abs().square().numpy(), mel_filters())
    loudness = 10 * np.log10(np.maximum(power, 1e-10))
    loudness = np.maximum(loudness, loudness.max((1, 2), keepdims=True) - 80)
    expected = loudness - loudness.mean((1, 2), keepdims=True)
    found = log_mel(chunks)
    assert found.shape == (2, 96, 101)
    assert np.abs(found - expected).max() < 0.01


def test_a_tone_is_loudest_in_the_band_of_its_frequency():
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    mel = 2595 * np.log10(1 + 1000 / 700)
    highest = 2595 * np.log10(1 + RATE / 2 / 700)
    expected = mel / highest * 97 - 1
    assert abs(int(log_mel(tone[None])[0, :, 50].argmax()) - expected) <= 1


def test_filters_are_triangles_whose_sides_meet():
    filters = mel_filters()
    inside = slice(int(filters[:, 0].argmax()), int(filters[:, -1].argmax()))
    assert np.allclose(filters[inside].sum(1), 1, atol=1e-4)


@pytest.mark.parametrize(("seconds", "chunks"), [(0.3, 1), (1.0, 2), (1.6, 4)])
def test_chunks_are_half_a_second_apart_and_the_last_repeats_its_sound(seconds, chunks):
    sound = np.arange(int(seconds * RATE), dtype=np.float32)
    cut = cut_chunks(sound)
    assert cut.shape == (chunks, RATE)
    assert cut[-1, 0] == (chunks - 1) * (RATE // 2)
    rest = len(sound) - (chunks - 1) * (RATE // 2)
    assert cut[-1, rest] == cut[-1, 0]


def test_a_sound_of_another_rate_is_resampled(tmp_path):
    write_sound(tmp_path / "tone.wav", 1.0, rate=8_000)
    sound = read_wav(tmp_path / "tone.wav")
    assert len(sound) == RATE
    assert np.abs(np.fft.rfft(sound)).argmax() == 440
    assert np.abs(sound[1000:-1000]).max() == pytest.approx(20_000 / 32_768, rel=0.01)


def test_windows_step_through_each_signal_and_know_it():
    signals = [
        Signal(np.arange(10, dtype=np.float32)[None], label=1, step=3),
        Signal(np.arange(3, dtype=np.float32)[None], label=0, step=1),
        Signal(np.arange(4, dtype=np.float32)[None], label=2, step=5),
    ]
    windows = cut_windows(signals, 4, within=True, grouped=True)
    assert windows.inputs[:, 0, 0].tolist() == [0, 3, 6, 0]
    assert windows.inputs[2, 0].tolist() == [6, 7, 8, 9]
    assert windows.targets.tolist() == [1, 1, 1, 2]
    assert windows.groups.tolist() == [0, 0, 0, 2]
    assert len(cut_windows(signals, 4, within=False, grouped=False)) == 2


def test_a_scratch_array_outlives_its_file():
    array = scratch_array((3, 4), np.float16)
    array[1] = 7
    assert array.sum() == 28
    assert scratch_array((0, 4), np.float16).shape == (0, 4)
