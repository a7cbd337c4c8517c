"""``digits``: the 1,797 handwritten digits that scikit-learn ships, 8x8, grey.

Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI (its test part).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nepsbench.datasets.about import About
from nepsbench.datasets.examples import Examples, Splits, check_images
from nepsbench.datasets.splits import apply_split, stored_split
from nepsbench.datasets.task import classification
from nepsbench.errors import DatasetError

_SHAPE = (1797, 1, 8, 8)
_BRIGHTEST = 16.0
TASK = classification(tuple(str(digit) for digit in range(10)))

ABOUT = About(
    title="handwritten digits",
    shape=(1, 8, 8),
    task=TASK,
    sizes=(1077, 360, 360),
    files="none: scikit-learn ships it",
    steps="17 grey levels spread over 0 to 255; normalised by channel",
    split="ours, stratified",
    publication="Alpaydin and Kaynak, UCI (1998)",
    licence="CC BY 4.0",
    trap="small: for demonstrations",
)


def read(source: Path | None) -> Splits:
    """Return the digits, their 17 grey levels spread over 0 to 255. Needs no ``source``.

    Raises:
        DatasetError: If scikit-learn is not installed.
    """
    del source
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise DatasetError(
            "dataset digits comes with scikit-learn; run: pip install 'nepsbench[train]'"
        ) from None
    data, labels = load_digits(return_X_y=True)
    pixels = np.round(data * (255.0 / _BRIGHTEST)).astype(np.uint8).reshape(-1, 1, 8, 8)
    pool = Examples(pixels, labels.astype(np.int64))
    check_images(pool, shape=_SHAPE, classes=10, origin="scikit-learn's digits")
    return Splits.of(apply_split(pool, stored_split("digits", len(pool))), TASK)
