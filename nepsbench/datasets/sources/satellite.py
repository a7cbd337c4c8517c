"""``satellite``: what grows on a patch of land, from 46 images of it over a year.

Source: Petitjean, Inglada and Gancarski, Satellite Image Time Series Analysis under Time Warping
(2012); its use: NAS-Bench-360.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.datasets.about import About
from nepsbench.datasets.arrays import read_npy, require_labels, require_shape
from nepsbench.datasets.examples import Examples, Splits
from nepsbench.datasets.published import published_files
from nepsbench.datasets.task import Task
from nepsbench.errors import DatasetError

FILES = ("satellite_train.npy", "satellite_test.npy")
_CLASSES, _TIMES = 24, 46
TASK = Task("cross_entropy", "acc", outputs=_CLASSES, classes=tuple(map(str, range(1, 25))))
_SIZES = (800_000, 100_000, 100_000)

ABOUT = About(
    title="land cover, from a year's vegetation index of a place",
    shape=(1, _TIMES),
    task=TASK,
    sizes=_SIZES,
    files=" and ".join(f"`{name}`" for name in FILES) + " (each a dict of `data`, `label`)",
    steps="each row less its mean, by its deviation; labels 1-24 become 0-23",
    split="NAS-Bench-360's: the last rows of the training file, as many as there are test rows, "
    "are valid",
    publication="Petitjean et al., IEEE TGRS 50(8), 2012",
    licence="GPL 3.0 (the archive's)",
    trap="the files are pickles in .npy; only plain data is rebuilt from them",
)


def read(source: Path | None) -> Splits:
    """Return the series.

    Raises:
        DatasetError: If a file is missing, truncated, or of another shape.
    """
    train, test = published_files(source, FILES, dataset="satellite")
    return parse_files(train, test, sizes=_SIZES)


def parse_files(train: Path, test: Path, *, sizes: tuple[int, int, int] | None = None) -> Splits:
    """Return the splits of two files of ``sizes``, or of any.

    Raises:
        DatasetError: If a file is missing, truncated, or of another shape.
    """
    pool = _series(train, sizes and sizes[0] + sizes[1])
    held_out = _series(test, sizes and sizes[2])
    border = len(pool) - len(held_out)
    if border <= 0:
        raise DatasetError(
            f"{train}: {len(pool)} series, no more than {test.name} has; get the published files"
        )
    return Splits(
        train=pool.take(np.arange(border)),
        valid=pool.take(np.arange(border, len(pool))),
        test=held_out,
        task=TASK,
        kind="numbers",
    )


def _series(path: Path, size: int | None) -> Examples:
    holder = read_npy(path)
    fields: Any = holder.item() if holder.ndim == 0 else None
    try:
        data, labels = np.asarray(fields["data"]), np.asarray(fields["label"])
    except (KeyError, TypeError):
        raise DatasetError(f"{path}: no dict of data and label; get the published file") from None
    require_shape(data, (size, _TIMES), origin=path, what="data")
    require_shape(labels, (len(data),), origin=path, what="label")
    numbers = require_labels(labels.astype(np.int64) - 1, _CLASSES, origin=path)
    return Examples(_standardised(data)[:, None], numbers)


def _standardised(rows: NDArray[Any]) -> NDArray[np.float32]:
    exact = np.asarray(rows, np.float64)
    deviation = exact.std(1, keepdims=True)
    deviation[deviation == 0] = 1.0
    scaled: NDArray[np.float32] = ((exact - exact.mean(1, keepdims=True)) / deviation).astype(
        np.float32
    )
    return scaled
