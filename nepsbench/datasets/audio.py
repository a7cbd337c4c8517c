"""Sound: wav files, chunks of a second, and log-mel spectrograms of them.

The numbers are those of NAS-Bench-360's FSD50K task, after Fonseca et al., FSD50K
(arXiv:2010.00475): 22,050 values a second; chunks of a second, half a second apart, the last one
repeated to its length; 96 mel bands (HTK's scale, triangles of height 1) of the power in windows of
30 ms, each 10 ms; in dB, at most 80 below the loudest, less their mean.
"""

from __future__ import annotations

import math
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import DatasetError

RATE = 22_050
BANDS = 96
_FFT, _WINDOW, _HOP = 1920, 661, 220
#: Spectra of a chunk of a second: one each hop, the first centred on its first value.
FRAMES = 1 + RATE // _HOP
_QUIETEST, _RANGE = 1e-10, 80.0

FloatArray = NDArray[np.float32]


def read_wav(path: Path) -> FloatArray:
    """Return the sound of a wav file in -1..1 at 22,050 values a second, channels averaged.

    Raises:
        DatasetError: If it is missing, truncated, or of another format.
    """
    from scipy.signal import resample_poly

    rate, values = _read(path, mapped=False)
    if values.dtype == np.uint8:
        sound: FloatArray = (values - np.float32(128)).astype(np.float32) / np.float32(128)
    elif np.issubdtype(values.dtype, np.integer):
        sound = values.astype(np.float32) / np.float32(-float(np.iinfo(values.dtype).min))
    else:
        sound = values.astype(np.float32)
    if sound.ndim == 2:
        sound = sound.mean(1, dtype=np.float32)
    if rate == RATE:
        return sound
    divisor = math.gcd(rate, RATE)
    resampled: FloatArray = resample_poly(sound, RATE // divisor, rate // divisor)
    return resampled


def count_chunks(path: Path) -> int:
    """Return how many chunks the sound of a wav file has, from its head.

    Raises:
        DatasetError: As :func:`read_wav`.
    """
    rate, values = _read(path, mapped=True)
    return len(_starts(-(-len(values) * RATE // rate)))


def cut_chunks(sound: FloatArray) -> FloatArray:
    """Return chunks of a second, shape (chunks, 22050)."""
    starts = _starts(len(sound))
    return np.stack([np.resize(sound[start : start + RATE], RATE) for start in starts])


def _starts(length: int) -> range:
    return range(0, length, RATE // 2) if length >= RATE else range(1)


def log_mel(chunks: FloatArray) -> FloatArray:
    """Return log-mel spectrograms, shape (chunks, 96, 101), of chunks (chunks, 22050)."""
    from scipy.fft import rfft

    reach = _WINDOW // 2 + 1
    padded = np.pad(chunks, ((0, 0), (reach, reach)), mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW, axis=1)
    frames = frames[:, : (FRAMES - 1) * _HOP + 1 : _HOP]
    power = np.abs(rfft(frames * _hann(), n=_FFT, axis=2)) ** 2
    loudness = 10 * np.log10(np.maximum(power @ mel_filters(), _QUIETEST))
    loudness = np.maximum(loudness, loudness.max((1, 2), keepdims=True) - _RANGE)
    centred = loudness - loudness.mean((1, 2), keepdims=True)
    return np.ascontiguousarray(centred.swapaxes(1, 2), dtype=np.float32)


@cache
def mel_filters() -> FloatArray:
    """Return the share of each frequency in each band, shape (961, 96)."""
    highest = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, highest, BANDS + 2) / 2595) - 1)
    frequencies = np.linspace(0, RATE // 2, _FFT // 2 + 1)[:, None]
    widths = np.diff(edges)
    rising = (frequencies - edges[:-2]) / widths[:-1]
    falling = (edges[2:] - frequencies) / widths[1:]
    filters: FloatArray = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return filters


@cache
def _hann() -> FloatArray:
    turn = 2 * np.pi * np.arange(_WINDOW) / _WINDOW
    window: FloatArray = (0.5 - 0.5 * np.cos(turn)).astype(np.float32)
    return window


def _read(path: Path, *, mapped: bool) -> tuple[int, NDArray[Any]]:
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings():
            # Chunks of a file that are no sound (names, dates) are skipped with a warning; so is a
            # file that ends before its head says.
            warnings.simplefilter("ignore", wavfile.WavFileWarning)
            warnings.filterwarnings("error", "Reached EOF prematurely")
            rate, values = wavfile.read(path, mmap=mapped)
    except (OSError, ValueError, EOFError, wavfile.WavFileWarning) as error:
        if isinstance(error, FileNotFoundError):
            raise DatasetError(f"{path}: no such file; get the published files") from None
        raise DatasetError(f"{path}: truncated or no wav file ({error}); get it again") from None
    except Exception as error:  # a damaged file can raise anything
        raise DatasetError(f"{path}: truncated or no wav file ({error}); get it again") from None
    if not len(values):
        raise DatasetError(f"{path}: holds no sound; get it again")
    return rate, values
