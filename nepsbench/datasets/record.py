"""``dataset.json``: what a prepared dataset is, and whether its files still are that."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nepsbench.datasets.examples import InputKind
from nepsbench.datasets.task import Task
from nepsbench.errors import DatasetError
from nepsbench.files import sha256_of

RECORD_FILE = "dataset.json"


@dataclass(frozen=True)
class DatasetRecord:
    """A prepared dataset in ``<root>/<name>/<version>/``.

    Attributes:
        name: For example ``digits``.
        version: ``1-`` (the rule of preparation) and 12 hex digits of the content's hash.
        shape: Channels and places of an input; of an image (channels, height, width).
        task: What is learned.
        mean: What is subtracted from pixels in 0..1, by channel; empty for inputs that are no
            images.
        std: What they are divided by then, by channel.
        sizes: Examples in each split.
        files: SHA-256 of each array file.
        kind: How a network sees the inputs.
    """

    name: str
    version: str
    shape: tuple[int, ...]
    task: Task
    mean: tuple[float, ...]
    std: tuple[float, ...]
    sizes: dict[str, int]
    files: dict[str, str]
    kind: InputKind = "pixels"

    def to_json(self) -> str:
        """Return the text of ``dataset.json``."""
        return json.dumps(asdict(self), indent=2) + "\n"


def read_record(folder: Path) -> DatasetRecord:
    """Return the record of a prepared dataset.

    Raises:
        DatasetError: If there is none, or it cannot be read.
    """
    path = folder / RECORD_FILE
    try:
        fields: dict[str, Any] = json.loads(path.read_text())
        for name in ("shape", "mean", "std"):
            fields[name] = tuple(fields[name])
        task = fields.pop("task")
        fields["task"] = Task(**{**task, "classes": tuple(task["classes"])})
        return DatasetRecord(**fields)
    except (OSError, ValueError, TypeError, KeyError):
        raise DatasetError(f"{path}: missing or damaged; prepare the dataset again") from None


def verify_files(folder: Path, record: DatasetRecord) -> None:
    """Compare each file with its checksum.

    Raises:
        DatasetError: If a file is missing or has changed; names it.
    """
    for name, expected in record.files.items():
        try:
            found = sha256_of(folder / name)
        except OSError:
            raise DatasetError(f"{folder / name}: missing; prepare the dataset again") from None
        if found != expected:
            raise DatasetError(
                f"{folder / name}: damaged (its checksum differs); prepare the dataset again"
            )
