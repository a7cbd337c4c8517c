"""NAS-HPO-Bench-II: ``bench12.pkl``, ``cellinfo.pkl`` and ``avgaccs200.pkl`` of its interface.

Its authors trained one cell for each of their hashes and answer for all 4,096 cell codes. So does
the table: what was trained stands under the first code of its hash, in the profile
``<import>.cifar10``, and again under the other codes, in ``<import>.cifar10-equal``. Which of the
equal codes was trained, the files do not say.

After 200 epochs there are averages only: of three seeds where the cell was trained for so long, and
of a surrogate elsewhere. The files do not say which is which, and neither has a seed.
Source: Hirose et al., NAS-HPO-Bench-II (ACML 2021); nashpobench2api 1.0.0, ``api.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import CorruptedFileError, InvalidConfigurationError, SpecError
from nepsbench.plain_pickle import load_plain
from nepsbench.spaces.nashpobench2 import SPACE
from nepsbench.warehouse.importers import Option, Progress
from nepsbench.warehouse.importers.block import Block, Ints
from nepsbench.warehouse.importers.nashpobench2_rows import (
    EPOCHS,
    TRAININGS,
    Averages,
    Runs,
    averages_of,
    cells_of,
    runs_of,
)

Places = NDArray[np.int64]

FILES = ("bench12.pkl", "cellinfo.pkl", "avgaccs200.pkl")
DATASET = "cifar10"
#: Names the profile of the results under codes that equal a trained one.
EQUAL = f"{DATASET}-equal"
_HORIZON = 200
#: What contents raise that are not as published.
_WRONG = (KeyError, TypeError, ValueError, AttributeError, IndexError, InvalidConfigurationError)
#: Cell codes of a block.
_BLOCK = 70


def sources(path: Path, **_: Option) -> list[Path]:
    """Return the three files of a folder.

    Raises:
        SpecError: If one is missing.
    """
    missing = [name for name in FILES if not (path / name).is_file()]
    if missing:
        raise SpecError(
            f"{path}: no {' and no '.join(missing)}; give the folder with NAS-HPO-Bench-II's "
            f"{', '.join(FILES)}"
        )
    return [path / name for name in FILES]


def read(path: Path, *, progress: Progress, **_: Option) -> Iterator[Block]:
    """Yield the published trials, 70 cell codes at a time; the three files are in memory."""
    bench, info, averages = sources(path)
    try:
        hashes = cells_of(_load(info))
        runs = runs_of(_load(bench))
        means = averages_of(_load(averages))
    except _WRONG as error:
        raise CorruptedFileError(
            f"{path}: not as published: {type(error).__name__} {error}; get the three files again"
        ) from None
    first: dict[str, int] = {}
    for cell, name in enumerate(hashes):
        first.setdefault(name, cell)
    trained = sorted(first.values())
    others = sorted(set(range(len(hashes))) - set(trained))
    done = 0
    for cells, part in ((trained, DATASET), (others, EQUAL)):
        for start in range(0, len(cells), _BLOCK):
            chosen = cells[start : start + _BLOCK]
            names = [hashes[cell] for cell in chosen]
            for block in (
                _runs_block(runs, chosen, names, part),
                _averages_block(means, runs, chosen, names, part),
            ):
                if len(block):
                    yield block
            done += len(chosen)
            progress(done, len(hashes))


def _load(path: Path) -> object:
    return load_plain(path.read_bytes(), origin=str(path), error=CorruptedFileError)


def _runs_block(runs: Runs, cells: list[int], hashes: list[str], part: str) -> Block:
    """Return the runs of 12 epochs, under the numbers of these cells."""
    rows, numbers = _numbered(cells, [runs.rows.get(name) for name in hashes], runs.training)
    trials = len(rows)
    # Rows of a hash are sorted by training, then seed.
    repeats = np.arange(trials) - np.searchsorted(numbers, numbers) + 1
    recorded = runs.recorded[rows]
    trial_of_epoch, place = np.nonzero(recorded)
    return Block(
        space=SPACE,
        dataset=DATASET,
        recipe="nashpobench2",
        numbers=numbers,
        repeats=repeats,
        codes=SPACE.codes_at(numbers),
        horizons=np.full(trials, EPOCHS),
        seeds=runs.seeds[rows],
        metrics={name: column[rows] for name, column in runs.metrics.items()},
        trial_of_epoch=trial_of_epoch,
        epochs=place + 1,
        epoch_metrics={name: curve[rows][recorded] for name, curve in runs.curves.items()},
        part=part,
    )


def _averages_block(
    means: Averages, runs: Runs, cells: list[int], hashes: list[str], part: str
) -> Block:
    """Return the averages after 200 epochs, under the numbers of these cells."""
    rows, numbers = _numbered(cells, [means.rows.get(name) for name in hashes], means.training)
    trials = len(rows)
    return Block(
        space=SPACE,
        dataset=DATASET,
        recipe="nashpobench2-average",
        numbers=numbers,
        repeats=np.full(trials, runs.most_seeds + 1),
        codes=SPACE.codes_at(numbers),
        horizons=np.full(trials, _HORIZON),
        trial_of_epoch=np.arange(trials),
        epochs=np.full(trials, _HORIZON),
        epoch_metrics={"test_acc": means.values[rows]},
        part=part,
    )


def _numbered(
    cells: list[int], rows_of_cell: list[Ints | None], training: Ints
) -> tuple[Places, Places]:
    """Return the rows of these cells one after another, and the configuration's number of each."""
    found = [
        (cell, rows) for cell, rows in zip(cells, rows_of_cell, strict=True) if rows is not None
    ]
    if not found:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    rows = np.concatenate([rows for _, rows in found])
    of_row = np.repeat([cell for cell, _ in found], [len(rows) for _, rows in found])
    return rows, (of_row * TRAININGS + training[rows]).astype(np.int64)
