"""From a published dataset to verified arrays: ``<root>/<name>/<version>/``."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.datasets.about import About
from nepsbench.datasets.examples import Splits
from nepsbench.datasets.record import RECORD_FILE, DatasetRecord, read_record, verify_files
from nepsbench.errors import DatasetError
from nepsbench.files import sha256_of, storage_errors, write_text

_SOURCES = (
    "digits", "fashion_mnist", "cifar10", "cifar100", "colorectal_histology", "uc_merced",
    "imagenet16_120", "spherical_cifar100", "ninapro_db5", "fsd50k", "darcy_flow", "psicov",
    "cosmic", "ecg", "satellite", "deepsea",
)  # fmt: skip
#: Raised when the same source would be prepared to other arrays.
_RULE = 1


def dataset_names() -> tuple[str, ...]:
    """Return the names of all datasets."""
    return _SOURCES


def about(name: str) -> About:
    """Return what is to know of a dataset.

    Raises:
        DatasetError: If it is unknown.
    """
    found: About = _source_module(name).ABOUT
    return found


def prepare(name: str, root: Path, *, source: Path | None = None) -> DatasetRecord:
    """Prepare a dataset below ``root``; if it is there and sound, change nothing.

    Args:
        name: One of :func:`dataset_names`.
        root: Holds ``<name>/<version>/`` afterwards, made in a temporary folder and renamed.
        source: Folder or archive of the published files. By default ``$NEPSBENCH_DATA/<name>``
            if that exists, then the system's place, then a download.

    Raises:
        DatasetError: If the dataset is unknown, missing, truncated, or not the published one.
        StorageError: If ``root`` is full or cannot be written.
    """
    module = _source_module(name)
    if source is None:
        sound = _sound_version(root / name)
        if sound is not None:
            return sound
        source = _environment_source(name)
    elif not source.exists():
        raise DatasetError(f"{source}: no such folder or archive; give where dataset {name} lies")
    splits: Splits = module.read(source)
    return _store(name, root, splits)


def _source_module(name: str) -> Any:
    if name not in _SOURCES:
        raise DatasetError(f"unknown dataset {name!r}; there are: {', '.join(_SOURCES)}")
    return import_module(f"nepsbench.datasets.sources.{name}")


def _sound_version(folder: Path) -> DatasetRecord | None:
    """Return the only prepared version if it is sound."""
    found = sorted(folder.glob(f"*/{RECORD_FILE}"))
    if len(found) != 1:
        return None
    try:
        record = read_record(found[0].parent)
        verify_files(found[0].parent, record)
    except DatasetError:
        return None
    return record


def _environment_source(name: str) -> Path | None:
    base = os.environ.get("NEPSBENCH_DATA")
    path = Path(base) / name if base else None
    return path if path is not None and path.exists() else None


def _store(name: str, root: Path, splits: Splits) -> DatasetRecord:
    """Write the arrays and their record beside the final folder, then rename."""
    version = f"{_RULE}-{_content_hash(splits)}"
    final = root / name / version
    if final.is_dir():
        try:
            record = read_record(final)
            verify_files(final, record)
        except DatasetError:
            shutil.rmtree(final)
        else:
            return record
    with storage_errors(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".preparing-", dir=final.parent))
        try:
            record = _write(temporary, splits, name=name, version=version)
            temporary.chmod(0o755)
            _rename(temporary, final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return record


def _rename(temporary: Path, final: Path) -> None:
    """Move into place, unless another process was first with the same content."""
    try:
        temporary.rename(final)
    except OSError:
        if not (final / RECORD_FILE).is_file():
            raise


def _write(folder: Path, splits: Splits, *, name: str, version: str) -> DatasetRecord:
    files = {}
    for split, examples in splits.items():
        for part, array in examples.arrays().items():
            path = folder / f"{split}_{part}.npy"
            np.save(path, np.ascontiguousarray(array), allow_pickle=False)
            files[path.name] = sha256_of(path)
    inputs = splits.train.inputs
    mean, std = _normalisation(splits)
    record = DatasetRecord(
        name=name,
        version=version,
        shape=inputs.shape[1:],
        task=splits.task,
        mean=mean,
        std=std,
        sizes={split: len(examples) for split, examples in splits.items()},
        files=files,
        kind=splits.kind,
    )
    write_text(folder / RECORD_FILE, record.to_json())
    return record


def _normalisation(splits: Splits) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return what is subtracted from pixels in 0..1, and what they are divided by, by channel."""
    inputs = splits.train.inputs
    channels = inputs.shape[1]
    if splits.kind == "numbers":
        return (), ()
    if splits.kind == "raw_pixels":
        return (0.0,) * channels, (1 / 255,) * channels
    pairs = [_moments(channel) for channel in inputs.swapaxes(0, 1)]
    return tuple(mean for mean, _ in pairs), tuple(std for _, std in pairs)


def _moments(pixels: NDArray[np.uint8]) -> tuple[float, float]:
    """Return mean and standard deviation in 0..1, from integer sums: the same bits everywhere."""
    counts = [int(n) for n in np.bincount(pixels.ravel(), minlength=256)]
    size = sum(counts)
    total = sum(value * n for value, n in enumerate(counts))
    squares = sum(value * value * n for value, n in enumerate(counts))
    return total / (255 * size), math.sqrt(size * squares - total * total) / (255 * size)


def _content_hash(splits: Splits) -> str:
    digest = sha256()
    # What the first datasets, labelled images, had no need to say is not hashed for them.
    if splits.kind != "pixels":
        digest.update(splits.kind.encode())
    for split, examples in splits.items():
        digest.update(f"{split}{examples.inputs.shape}".encode())
        for array in examples.arrays().values():
            if array.dtype not in (np.uint8, np.int64):
                digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).data)
    return digest.hexdigest()[:12]
