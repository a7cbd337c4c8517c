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

from nepsbench.datasets.examples import Splits
from nepsbench.datasets.record import RECORD_FILE, DatasetRecord, read_record, verify_files
from nepsbench.errors import DatasetError
from nepsbench.files import storage_errors, write_text

_SOURCES = ("digits", "fashion_mnist", "cifar10")
#: Raised when the same source would be prepared to other arrays.
_RULE = 1


def dataset_names() -> tuple[str, ...]:
    """Return the names of all datasets."""
    return _SOURCES


def prepare(name: str, root: Path, *, source: Path | None = None) -> DatasetRecord:
    """Prepare a dataset below ``root``; if it is there and sound, change nothing.

    Args:
        name: ``digits``, ``fashion_mnist`` or ``cifar10``.
        root: Holds ``<name>/<version>/`` afterwards, made in a temporary folder and renamed.
        source: Folder or archive of the published files. By default ``$NEPSBENCH_DATA/<name>``
            if that exists, then the system's place, then a download.

    Raises:
        DatasetError: If the dataset is unknown, missing, truncated, or not the published one.
        StorageError: If ``root`` is full or cannot be written.
    """
    if name not in _SOURCES:
        raise DatasetError(f"unknown dataset {name!r}; there are: {', '.join(_SOURCES)}")
    if source is None:
        sound = _sound_version(root / name)
        if sound is not None:
            return sound
        source = _environment_source(name)
    elif not source.exists():
        raise DatasetError(f"{source}: no such folder or archive; give where dataset {name} lies")
    splits: Splits = import_module(f"nepsbench.datasets.sources.{name}").read(source)
    return _store(name, root, splits)


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
            files[path.name] = sha256(path.read_bytes()).hexdigest()
    inputs = splits.train.inputs
    pairs = [_moments(channel) for channel in inputs.swapaxes(0, 1)] if _is_pixels(inputs) else []
    record = DatasetRecord(
        name=name,
        version=version,
        shape=inputs.shape[1:],
        task=splits.task,
        mean=tuple(mean for mean, _ in pairs),
        std=tuple(std for _, std in pairs),
        sizes={split: len(examples) for split, examples in splits.items()},
        files=files,
    )
    write_text(folder / RECORD_FILE, record.to_json())
    return record


def _is_pixels(inputs: NDArray[Any]) -> bool:
    return inputs.dtype == np.uint8


def _moments(pixels: NDArray[np.uint8]) -> tuple[float, float]:
    """Return mean and standard deviation in 0..1, from integer sums: the same bits everywhere."""
    counts = [int(n) for n in np.bincount(pixels.ravel(), minlength=256)]
    size = sum(counts)
    total = sum(value * n for value, n in enumerate(counts))
    squares = sum(value * value * n for value, n in enumerate(counts))
    return total / (255 * size), math.sqrt(size * squares - total * total) / (255 * size)


def _content_hash(splits: Splits) -> str:
    digest = sha256()
    for split, examples in splits.items():
        digest.update(f"{split}{examples.inputs.shape}".encode())
        for array in examples.arrays().values():
            # Of labelled images, the first kind of dataset, the types were not hashed.
            if array.dtype not in (np.uint8, np.int64):
                digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).data)
    return digest.hexdigest()[:12]
