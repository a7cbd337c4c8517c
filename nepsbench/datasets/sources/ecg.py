"""``ecg``: single-lead heart recordings of the PhysioNet challenge of 2017, in windows.

Source: Clifford et al., AF Classification from a Short Single Lead ECG Recording (CinC 2017); its
use: Hong et al., MINA (IJCAI 2019), and NAS-Bench-360.
"""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.datasets.about import About
from nepsbench.datasets.arrays import read_pickle
from nepsbench.datasets.examples import Examples, Splits
from nepsbench.datasets.published import source_folder
from nepsbench.datasets.splits import draw_split, stored_split
from nepsbench.datasets.task import Task
from nepsbench.datasets.windows import Signal, cut_windows
from nepsbench.errors import DatasetError

#: As the challenge codes them: normal, atrial fibrillation, other rhythm, too noisy.
CODES = ("N", "A", "O", "~")
TASK = Task(
    "cross_entropy", "f1_error", outputs=4, classes=("normal", "fibrillation", "other", "noisy")
)
_PICKLE, _REFERENCE = "challenge2017.pkl", "REFERENCE.csv"
_RECORDS, _WINDOW, _STEP = 8528, 1000, 500
#: So that a tenth is one.
_FEWEST = 10
#: The rarer a class, the closer its windows: the step is divided by this.
_STEP_DIVISORS = (1, 6, 2, 20)

Recording = NDArray[Any]

ABOUT = About(
    title="heart rhythm in single-lead electrocardiograms, 300 values a second",
    shape=(1, 1000),
    task=TASK,
    sizes=(260_000, 33_000, 33_000),
    files=f"`{_PICKLE}` (keys `data`, `label`)",
    steps="each recording less its mean, by its deviation; windows of 1,000 values, 500 apart, "
    "divided by 6 for fibrillation, 2 for other, 20 for noisy",
    split="NAS-Bench-360's: 6,822, 853 and 853 recordings by scikit-learn's `train_test_split`, "
    "random state 0 (stored)",
    publication="Clifford et al., CinC 2017; PhysioNet",
    licence="ODC-By 1.0",
    trap="windows are judged by recording: the commonest class of its windows is its class; "
    "training windows singly. Sizes are NAS-Bench-360's round figures; recordings that are no "
    "longer than a window give none",
    also="a zip or folder of the challenge's own files (`training2017`: `*.mat` and "
    f"`{_REFERENCE}`), whole or a part; a part is split anew, a tenth each valid and test",
)


def read(source: Path | None) -> Splits:
    """Return windows of the recordings.

    Raises:
        DatasetError: If nothing of the kind is there, or it is damaged or lacks a recording.
    """
    folder = source_folder(source, dataset="ecg", wanted=f"{_PICKLE}, or the files of training2017")
    files = [source] if source is not None and source.is_file() else sorted(folder.iterdir())
    for path in files:
        if path.name == _PICKLE:
            data, labels = _read_pickle(path)
            if len(data) != _RECORDS:
                raise DatasetError(
                    f"{path}: {len(data)} recordings, expected {_RECORDS}; get the published file"
                )
            return windowed(data, labels)
    for path in files:
        if path.suffix == ".zip":
            return windowed(*_read_zip(path))
    references = sorted(folder.rglob("REFERENCE*.csv"))
    if not references:
        raise DatasetError(
            f"{folder}: no {_PICKLE}, and no zip or {_REFERENCE} of training2017; get one of them"
        )
    return windowed(*_read_records(references[-1].read_text(), references[-1].parent))


def windowed(data: list[Recording], labels: list[str]) -> Splits:
    """Return the windows of recordings of any number, by the published split if it is all of them.

    Args:
        data: Each of shape (time,).
        labels: A code each.

    Raises:
        DatasetError: If a label is none of the codes, or there are too few recordings.
    """
    unknown = set(labels) - set(CODES)
    if unknown:
        raise DatasetError(
            f"ecg: a label {sorted(unknown)[0]!r}, expected {', '.join(CODES)}; get the published "
            "labels"
        )
    if len(data) < _FEWEST:
        raise DatasetError(f"ecg: {len(data)} recordings, at least {_FEWEST} are needed; add some")
    numbers = np.array([CODES.index(label) for label in labels])
    tenth = len(data) // 10
    split = (
        stored_split("ecg", _RECORDS)
        if len(data) == _RECORDS
        else draw_split(numbers, name="ecg", sizes={"valid": tenth, "test": tenth})
    )

    def windows(name: str) -> Examples:
        signals = [_signal(data[index], int(numbers[index])) for index in split[name]]
        return cut_windows(signals, _WINDOW, within=False, grouped=name != "train")

    return Splits.of({name: windows(name) for name in split}, TASK, "numbers")


def _signal(recording: Recording, label: int) -> Signal:
    exact = np.asarray(recording, np.float64).ravel()
    deviation = exact.std() or 1.0
    values = ((exact - exact.mean()) / deviation).astype(np.float32)
    return Signal(values[None], label, _STEP // _STEP_DIVISORS[label])


def _read_pickle(path: Path) -> tuple[list[Recording], list[str]]:
    fields = read_pickle(path)
    try:
        data, labels = list(fields["data"]), [str(label) for label in fields["label"]]
    except (KeyError, TypeError, IndexError):
        raise DatasetError(f"{path}: holds no data and label; get the published file") from None
    if len(data) != len(labels) or any(np.ndim(recording) != 1 for recording in data):
        raise DatasetError(
            f"{path}: {len(data)} recordings with {len(labels)} labels, or not each of one row; "
            "get the published file again"
        )
    return data, labels


def _read_zip(path: Path) -> tuple[list[Recording], list[str]]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = {PurePosixPath(name).name: name for name in archive.namelist()}
            references = sorted(name for name in members if name.startswith("REFERENCE"))
            if not references:
                raise DatasetError(f"{path}: holds no {_REFERENCE}; get the challenge's files")
            text = archive.read(members[references[-1]]).decode()
            return _read_records(text, path, {n: archive.read(m) for n, m in members.items()})
    except (zipfile.BadZipFile, OSError, UnicodeDecodeError):
        raise DatasetError(f"{path}: truncated or no zip file; get it again") from None


def _read_records(
    reference: str, place: Path, contents: dict[str, bytes] | None = None
) -> tuple[list[Recording], list[str]]:
    """Return the recordings that a reference lists, by name: of a zip's contents, or a folder."""
    rows = sorted(line.strip().split(",") for line in reference.splitlines() if line.strip())
    if any(len(row) != 2 for row in rows):
        raise DatasetError(f"{place}: its {_REFERENCE} has a row that is not <name>,<label>")
    recordings = []
    for name, _ in rows:
        file = f"{name}.mat"
        if contents is None:
            content = (place / file).read_bytes() if (place / file).is_file() else None
        else:
            content = contents.get(file)
        if content is None:
            raise DatasetError(f"{place}: lacks {file}, which its {_REFERENCE} lists; add it")
        recordings.append(_read_mat(content, origin=f"{place}: {file}"))
    return recordings, [label for _, label in rows]


def _read_mat(content: bytes, *, origin: str) -> Recording:
    from scipy.io import loadmat

    try:
        recording: Recording = loadmat(BytesIO(content))["val"].reshape(-1)
    except Exception as error:  # a damaged file can raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DatasetError(f"{origin} is damaged ({reason}); get it again") from None
    return recording
