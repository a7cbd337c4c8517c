"""``darcy_flow``: the pressure in a porous medium, from its permeability, 85x85.

Source: Li et al., Fourier Neural Operator (arXiv:2010.08895); its use: NAS-Bench-360.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nepsbench.datasets.about import About
from nepsbench.datasets.arrays import read_mat, read_npz, require_shape
from nepsbench.datasets.examples import Examples, Splits
from nepsbench.datasets.published import published_files
from nepsbench.datasets.task import Task
from nepsbench.errors import DatasetError

FILES = ("piececonst_r421_N1024_smooth1.mat", "piececonst_r421_N1024_smooth2.mat")
TASK = Task("relative_l2", "rel_l2", outputs=1, dense=True)
_GRID, _STEP = 421, 5
_TRAIN, _VALID, _TEST = 900, 100, 100
#: Added to a deviation before it divides, as published.
_EPSILON = 1e-5

ABOUT = About(
    title="pressure of a flow through a porous medium, from its permeability",
    shape=(3, 85, 85),
    task=TASK,
    sizes=(_TRAIN, _VALID, _TEST),
    files=" and ".join(f"`{name}`" for name in FILES) + " (arrays `coeff`, `sol`, 1024x421x421)",
    steps="every 5th place; coefficients less the training mean by its deviation, both place by "
    "place; two channels of coordinates, 0 to 1 along columns and along rows. The network's output "
    "is put back to pressures the same way before the loss",
    split="NAS-Bench-360's: rows 0-899 and 900-999 of the first file, 0-99 of the second",
    publication="Li et al., arXiv:2010.08895",
    licence="MIT",
    trap="the published training loss is the sum over a batch, ours the mean: for the same steps "
    "multiply the learning rate by the batch size and divide the weight decay by it. If the files "
    "are MATLAB's version 7.3, h5py is needed",
    also="an `.npz` with one pair of arrays `*train*_x`, `*train*_y` and one of the same grid "
    "`*test*_x`, `*test*_y`; the last tenth of the training rows is valid",
)


def read(source: Path | None) -> Splits:
    """Return permeabilities and pressures.

    Raises:
        DatasetError: If a file is missing, truncated, or of another shape.
    """
    if source is not None and source.suffix == ".npz":
        return _read_pairs(source)
    train, test = published_files(source, FILES, dataset="darcy_flow")
    return parse_files(train, test)


def parse_files(
    train: Path, test: Path, *, grid: int = _GRID, sizes: tuple[int, int, int] = ABOUT.sizes
) -> Splits:
    """Return the splits of two MATLAB files.

    Args:
        train: Its first ``sizes[0] + sizes[1]`` rows are train and valid.
        test: Its first ``sizes[2]`` rows are test.
        grid: Places in a row and in a column.
        sizes: Rows of the three splits.

    Raises:
        DatasetError: If a file is missing, truncated, or of another shape.
    """
    places = (grid - 1) // _STEP + 1
    pairs = []
    for path, rows in ((train, sizes[0] + sizes[1]), (test, sizes[2])):
        pair = [read_mat(path, name, rows=rows, step=_STEP) for name in ("coeff", "sol")]
        for name, array in zip(("coeff", "sol"), pair, strict=True):
            require_shape(
                array, (rows, places, places), origin=path, what=f"{name}, every 5th place,"
            )
        pairs.append(pair)
    return normalised(*pairs[0], *pairs[1], valid=sizes[1])


def _read_pairs(path: Path) -> Splits:
    """Return the splits of an ``.npz`` with pairs of arrays."""
    try:
        with np.load(path, allow_pickle=False) as file:
            names = [name.removesuffix("_x") for name in file.files if name.endswith("_x")]
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: no sound .npz file ({error}); get it again") from None
    train = [name for name in names if "train" in name]
    if len(train) != 1:
        raise DatasetError(
            f"{path}: {len(train)} arrays *train*_x, expected one; give a file with one pair of "
            "*train*_x and *train*_y, and one of *test*_x and *test*_y"
        )
    x, y = (read_npz(path, f"{train[0]}_{part}") for part in "xy")
    for name in names:
        if "test" in name and (test_x := read_npz(path, f"{name}_x")).shape[1:] == x.shape[1:]:
            return normalised(x, y, test_x, read_npz(path, f"{name}_y"), valid=len(x) // 10)
    raise DatasetError(f"{path}: no array *test*_x of the grid {x.shape[1:]}; add it")


def normalised(
    x: NDArray[np.generic],
    y: NDArray[np.generic],
    test_x: NDArray[np.generic],
    test_y: NDArray[np.generic],
    *,
    valid: int,
) -> Splits:
    """Return inputs by place's mean and deviation of the training part, and what undoes it for y.

    Args:
        x: Permeabilities (examples, height, width); the last ``valid`` are not for training.
        y: Pressures, likewise.
        test_x: As ``x``.
        test_y: As ``y``.
        valid: How many are for validation.
    """
    train = slice(0, len(x) - valid)
    x_mean, x_scale = _moments(x[train])
    y_mean, y_scale = _moments(y[train])

    def examples(x: NDArray[np.generic], y: NDArray[np.generic]) -> Examples:
        encoded = ((x.astype(np.float64) - x_mean) / x_scale).astype(np.float32)
        rows, columns = (np.linspace(0, 1, n, dtype=np.float32) for n in x.shape[1:])
        channels = (encoded, columns[None, None, :], rows[None, :, None])
        maps = (y.astype(np.float32), y_scale.astype(np.float32), y_mean.astype(np.float32))
        return Examples(_stacked(channels, x.shape), _stacked(maps, x.shape))

    held_out = slice(len(x) - valid, None)
    return Splits(
        train=examples(x[train], y[train]),
        valid=examples(x[held_out], y[held_out]),
        test=examples(test_x, test_y),
        task=TASK,
        kind="numbers",
    )


def _moments(maps: NDArray[np.generic]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    exact = maps.astype(np.float64)
    return exact.mean(0), exact.std(0, ddof=1) + _EPSILON


def _stacked(
    channels: tuple[NDArray[np.float32], ...], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    return np.stack([np.broadcast_to(channel, shape) for channel in channels], axis=1)
