"""An importer of a published table that is easily written, for tests of what all importers share.

A line is a block of ``space``, ``dataset`` and ``trials``, each ``[number, repeat, seed, curve]``:
of configuration ``number`` of the space, the test accuracy after each epoch; null is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nepsbench.errors import CorruptedFileError, SpecError
from nepsbench.spaces import FiniteSpace, get_space
from nepsbench.warehouse.importers import Option, Progress
from nepsbench.warehouse.importers.block import Block


def sources(path: Path, **_: Option) -> list[Path]:
    if not path.is_file():
        raise SpecError(f"{path}: no tiny table")
    return [path]


def read(path: Path, *, progress: Progress, **_: Option) -> Iterator[Block]:
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except ValueError:
            raise CorruptedFileError(f"{path}: line {number} is no JSON") from None
        yield _block(record)
        progress(number, len(lines))


def _block(record: dict[str, Any]) -> Block:
    space = get_space(str(record["space"]))
    assert isinstance(space, FiniteSpace)
    trials = record["trials"]
    assert isinstance(trials, list)
    numbers = np.array([trial[0] for trial in trials])
    curves = [np.array(trial[3], dtype=np.float64) for trial in trials]
    lengths = np.array([len(curve) for curve in curves])
    return Block(
        space=space,
        dataset=str(record["dataset"]),
        recipe="tiny",
        numbers=numbers,
        repeats=np.array([trial[1] for trial in trials]),
        codes=space.codes_at(numbers),
        horizons=lengths,
        seeds=np.array([trial[2] for trial in trials]),
        trial_of_epoch=np.repeat(np.arange(len(trials)), lengths),
        epochs=np.concatenate([np.arange(1, length + 1) for length in lengths]),
        epoch_metrics={"test_acc": np.concatenate(curves)},
        part=str(record[record["part"]]) if "part" in record else None,
    )


def write_tiny(
    path: Path, *blocks: tuple[str, str, Sequence[Sequence[object]]], **more: str
) -> Path:
    """Write the table of blocks (space, dataset, trials)."""
    path.write_text(
        "".join(
            json.dumps({"space": space, "dataset": dataset, "trials": trials} | more) + "\n"
            for space, dataset, trials in blocks
        )
    )
    return path
