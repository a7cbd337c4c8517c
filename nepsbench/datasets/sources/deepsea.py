"""``deepsea``: which of 36 proteins and marks are found on a stretch of DNA, 1,000 letters.

Source: Zhou and Troyanskaya, Predicting effects of noncoding variants with deep learning-based
sequence model (2015); the selection: Zhang et al., AMBER (2021), and NAS-Bench-360.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nepsbench.datasets.about import About
from nepsbench.datasets.arrays import read_npz, require_shape
from nepsbench.datasets.examples import Examples, Splits
from nepsbench.datasets.published import published_files
from nepsbench.datasets.task import Task
from nepsbench.errors import DatasetError

FILE = "deepsea_filtered.npz"
_LENGTH, _LETTERS, _LABELS = 1000, 4, 36
_TRAIN, _TEST = 71_753, 149_400
TASK = Task("binary_cross_entropy", "auroc_error", outputs=_LABELS)

ABOUT = About(
    title="chromatin features of a stretch of DNA",
    shape=(_LETTERS, _LENGTH),
    task=TASK,
    sizes=(_TRAIN, 2_490, _TEST),
    files=f"`{FILE}` (`x_train` of shape 71753x1000x4, `y_train` 71753x36, and `_val`, `_test`)",
    steps="a letter is one of four channels; stored in a byte each, made float32 by the batch",
    split="NAS-Bench-360's arrays",
    publication="Zhou and Troyanskaya, Nature Methods 12, 2015",
    licence="not stated",
    trap="labels of which a split has no example, or no other, are left out of the mean",
)


def read(source: Path | None) -> Splits:
    """Return the sequences.

    Raises:
        DatasetError: If the file is missing, truncated, or of another shape.
    """
    (path,) = published_files(source, (FILE,), dataset="deepsea")
    return parse_file(path, train=_TRAIN, test=_TEST)


def parse_file(path: Path, *, train: int | None = None, test: int | None = None) -> Splits:
    """Return the splits of a file; None stands for any number.

    Raises:
        DatasetError: If the file is missing, truncated, or of another shape.
    """
    sizes = {"train": train, "val": None, "test": test}
    train_part, valid_part, test_part = (_sequences(path, *entry) for entry in sizes.items())
    return Splits(train_part, valid_part, test_part, TASK, "numbers")


def _sequences(path: Path, split: str, size: int | None) -> Examples:
    letters, labels = read_npz(path, f"x_{split}"), read_npz(path, f"y_{split}")
    require_shape(letters, (size, _LENGTH, _LETTERS), origin=path, what=f"x_{split}")
    require_shape(labels, (len(letters), _LABELS), origin=path, what=f"y_{split}")
    for name, array in ((f"x_{split}", letters), (f"y_{split}", labels)):
        if array.size and not 0 <= array.min() <= array.max() <= 1:
            raise DatasetError(f"{path}: {name} holds other than 0 and 1; get the published file")
    return Examples(letters.astype(np.uint8).transpose(0, 2, 1), labels.astype(np.uint8))
