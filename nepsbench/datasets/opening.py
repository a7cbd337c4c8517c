"""A prepared dataset as torch tensors in memory."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nepsbench.datasets.record import RECORD_FILE, DatasetRecord, read_record, verify_files
from nepsbench.datasets.task import Task
from nepsbench.errors import DatasetError
from nepsbench.schema import SPLITS


@dataclass(frozen=True)
class SplitTensors:
    """A split; types and shapes are those of :class:`nepsbench.datasets.examples.Examples`."""

    inputs: Tensor
    targets: Tensor
    groups: Tensor | None = None
    backgrounds: Tensor | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, which: Tensor) -> SplitTensors:
        """Return the examples at ``which``, in their order."""
        parts = (getattr(self, field.name) for field in fields(self))
        return SplitTensors(*(None if part is None else part[which] for part in parts))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Dataset:
    """A prepared dataset, verified and in memory.

    Attributes:
        record: Name, version, shape, task, and mean and standard deviation by channel.
        train: For training.
        valid: For choosing between configurations.
        test: For reporting.
    """

    record: DatasetRecord
    train: SplitTensors
    valid: SplitTensors
    test: SplitTensors

    @property
    def task(self) -> Task:
        """What is learned."""
        return self.record.task


def open_dataset(name: str, root: Path, *, version: str | None = None) -> Dataset:
    """Return a prepared dataset; its checksums are verified once in a process.

    Args:
        name: For example ``digits``.
        root: The folder that it was prepared below.
        version: Needed only where several are prepared.

    Raises:
        DatasetError: If it is not prepared, ambiguous, or damaged.
    """
    versions = sorted(path.parent.name for path in (root / name).glob(f"*/{RECORD_FILE}"))
    if version is None:
        if len(versions) > 1:
            raise DatasetError(
                f"{root / name}: several versions ({', '.join(versions)}); remove all but one"
            )
        version = versions[0] if versions else None
    if version not in versions:
        raise DatasetError(
            f"{root / name}: dataset {name} is not prepared there"
            f"{f' in version {version}' if version else ''}; run the initialize stage (if its job "
            "has succeeded before, make the ledger forget it first: nepsbench cluster forget)"
        )
    return _open(root.resolve() / name / str(version))


@cache
def _open(folder: Path) -> Dataset:
    record = read_record(folder)
    verify_files(folder, record)
    train, valid, test = (_load_split(folder, split) for split in SPLITS)
    return Dataset(record=record, train=train, valid=valid, test=test)


def _load_split(folder: Path, split: str) -> SplitTensors:
    """Return a split, mapped: the workers of a node share its pages until one writes to them."""

    def load(part: str) -> Tensor | None:
        path = folder / f"{split}_{part}.npy"
        if not path.exists():
            return None
        return torch.from_numpy(np.load(path, mmap_mode="c", allow_pickle=False))

    parts = {part: load(part) for part in ("inputs", "targets", "groups", "backgrounds")}
    return SplitTensors(**parts)  # type: ignore[arg-type]
