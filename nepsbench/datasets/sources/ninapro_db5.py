"""``ninapro_db5``: muscle signals of 18 gestures, 16 channels of 52 values.

Source: Pizzolato et al., Comparison of six electromyography acquisition setups (2017); its use:
NAS-Bench-360.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.datasets.about import About
from nepsbench.datasets.arrays import parse_npy, read_npz, require_labels, require_shape
from nepsbench.datasets.examples import Examples, Splits
from nepsbench.datasets.published import published_content
from nepsbench.datasets.task import Task
from nepsbench.datasets.windows import Signal, cut_windows
from nepsbench.errors import DatasetError

ADDRESS = "https://pde-xd.s3.amazonaws.com/ninapro"
#: MD5 of the published files.
CONTENT = {
    "ninapro_train.npy": "d4c33785587983348e6091e86a0d30b6",
    "label_train.npy": "4164e7fcae3f8abed0a04fd86b704f77",
    "ninapro_val.npy": "138b106d4374a3fc204e41f6c4deda49",
    "label_val.npy": "f0464819f7ed56cb1cbbfafd312bd604",
    "ninapro_test.npy": "8a2b2cf87d5a5cf3986db2d67ebcfa18",
    "label_test.npy": "807b502000dba69ae0111063970ac5d2",
}
_SUFFIXES = {"train": "train", "valid": "val", "test": "test"}
_SIZES = (2638, 659, 659)
_WINDOW, _CHANNELS, _CLASSES = 52, 16, 18
#: Of 8-bit signals, so that they lie in -1 to 1.
_FULL_SCALE = 128.0
TASK = Task("cross_entropy", "acc", outputs=_CLASSES, classes=tuple(map(str, range(_CLASSES))))

ABOUT = About(
    title="gestures of a hand, from the electromyogram of the forearm, 200 values a second",
    shape=(1, _CHANNELS, _WINDOW),
    task=TASK,
    sizes=_SIZES,
    files=", ".join(f"`{name}`" for name in CONTENT),
    steps="windows (time, channel) turned to (channel, time)",
    split="NAS-Bench-360's files",
    publication="Pizzolato et al., PLOS ONE 12(10), 2017",
    licence="CC BY-ND",
    trap="NAS-Bench-360's total, 3,916, is not the sum of its splits, 3,956; it trains its final "
    "networks on train and valid together. The address has answered with 403",
    address=ADDRESS,
    also="an `.npz` of a Myo armband: `emg` (time, channels) int8, `label` (time,), `session` "
    "(time,): windows of 52 values side by side within one gesture; the last session is test, the "
    "one before valid",
)


def read(source: Path | None) -> Splits:
    """Return the published windows, or those of an armband's recordings.

    Raises:
        DatasetError: If a file is missing, truncated, or not the published one.
    """
    if source is not None and source.suffix == ".npz":
        return _read_armband(source)
    contents = {}
    for name, digits in CONTENT.items():
        content, origin = published_content(
            source,
            name,
            dataset="ninapro_db5",
            checksum=f"md5:{digits}",
            address=f"{ADDRESS}/{name}",
        )
        contents[name] = parse_npy(content, origin=origin)
    return parse_arrays(contents, sizes=_SIZES)


def parse_arrays(
    contents: dict[str, NDArray[Any]], *, sizes: tuple[int | None, int | None, int | None]
) -> Splits:
    """Return the splits of the six arrays, by their files' names.

    Raises:
        DatasetError: If an array has another shape, or a label is no gesture.
    """
    parts = {}
    for (split, suffix), size in zip(_SUFFIXES.items(), sizes, strict=True):
        name, labels_name = f"ninapro_{suffix}.npy", f"label_{suffix}.npy"
        windows, labels = contents[name], contents[labels_name]
        require_shape(windows, (size, _WINDOW, _CHANNELS), origin=name, what="the array")
        require_shape(labels, (len(windows),), origin=labels_name, what="the array")
        inputs = np.asarray(windows, np.float32).transpose(0, 2, 1)[:, None]
        parts[split] = Examples(inputs, require_labels(labels, _CLASSES, origin=labels_name))
    return Splits.of(parts, TASK, "numbers")


def _read_armband(path: Path) -> Splits:
    signal, label, session = (read_npz(path, name) for name in ("emg", "label", "session"))
    require_shape(signal, (None, None), origin=path, what="emg")
    for name, array in (("label", label), ("session", session)):
        require_shape(array, (len(signal),), origin=path, what=name)
    sessions = np.unique(session)
    if len(sessions) < 3:
        raise DatasetError(f"{path}: {len(sessions)} sessions, at least 3 are needed; add some")
    classes = int(label.max()) + 1
    require_labels(label, classes, origin=path)
    cuts = np.flatnonzero((np.diff(label) != 0) | (np.diff(session) != 0)) + 1
    bounds = np.concatenate([[0], cuts, [len(signal)]])
    of_session: dict[int, list[Signal]] = {int(number): [] for number in sessions}
    for start, end in pairwise(bounds.tolist()):
        values = (signal[start:end].T / _FULL_SCALE).astype(np.float32)
        of_session[int(session[start])].append(Signal(values, int(label[start]), _WINDOW))
    *train, valid, test = of_session.values()
    return Splits(
        _armband_windows([signal for part in train for signal in part]),
        _armband_windows(valid),
        _armband_windows(test),
        Task("cross_entropy", "acc", outputs=classes, classes=tuple(map(str, range(classes)))),
        "numbers",
    )


def _armband_windows(signals: list[Signal]) -> Examples:
    windows = cut_windows(signals, _WINDOW, within=True, grouped=False)
    return Examples(windows.inputs[:, None], windows.targets)
