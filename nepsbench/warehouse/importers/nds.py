"""NDS's sweeps: a JSON file a sweep, an entry a training.

A file is a list of entries, or an object whose lists (``top``, ``mid``) are. Its name says who
proposed the networks, what the generator fixed, and the data set. Errors are in %, by epoch.
Source: Radosavovic et al., On Network Design Spaces for Visual Recognition (ICCV 2019);
facebookresearch/nds; what NNI reads of it (``nni/nas/benchmarks/nds``).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from nepsbench.errors import CorruptedFileError, InvalidConfigurationError, SpecError
from nepsbench.spaces import Space, nds
from nepsbench.spaces.nds_notation import Sweep, from_sweep, sweep_of
from nepsbench.spaces.parameters import FloatArray
from nepsbench.warehouse.importers import Option, Progress
from nepsbench.warehouse.importers.block import Block
from nepsbench.warehouse.importers.collecting import Collector, Table, Trial
from nepsbench.warehouse.importers.json_stream import Entry, read_entries
from nepsbench.warehouse.importers.numbering import Numbering

RECIPE = "NDS"
_PROPOSERS = frozenset(chain.from_iterable(nds.PROPOSERS.values()))
#: Entries between two words on the progress.
_TOLD = 64


def sources(path: Path, **options: Option) -> list[Path]:
    """Return a sweep's file, or all those of a folder.

    Raises:
        SpecError: If there is none.
    """
    if options:
        raise SpecError(f"NDS's sweeps have no option {min(options)!r}")
    files = [path] if path.is_file() else sorted(path.glob("*.json"))
    found = [file for file in files if sweep_of(file.name).proposer in _PROPOSERS]
    if not found:
        raise SpecError(
            f"{path}: no sweep of NDS; give a folder of them or one, whose name begins as "
            "published (Amoeba, DARTS_lr-wd_in, ResNet_rng1, ...)"
        )
    return found


def read(path: Path, *, progress: Progress, **options: Option) -> Iterator[Block]:
    """Yield the published trainings; an entry is in memory at a time.

    Raises:
        CorruptedFileError: Names the file and the character at which it is not as published.
    """
    files = sources(path, **options)
    sizes = [file.stat().st_size for file in files]
    reader, collector = _Reader(), Collector()
    for place, file in enumerate(files):
        before, sweep = sum(sizes[:place]), sweep_of(file.name)
        for count, entry in enumerate(read_entries(file)):
            yield from collector.add(*reader.trial(entry, sweep, file))
            if count % _TOLD == 0:
                progress(before + entry.read, sum(sizes))
        progress(before + sizes[place], sum(sizes))
    yield from collector.rest()


class _Reader:
    """Numbers configurations and their trainings over all files of an import."""

    def __init__(self) -> None:
        self._numbering = Numbering()
        self._tables: dict[tuple[str, str], Table] = {}

    def trial(self, entry: Entry, sweep: Sweep, path: Path) -> tuple[Table, Trial]:
        """Return the training that an entry tells of.

        Raises:
            CorruptedFileError: If it is not such an entry.
        """
        try:
            space, configuration = from_sweep(entry.value, sweep)
            table = self._table(space, sweep.dataset)
            codes = space.encode(configuration)
            number = self._numbering.number(str(table.part), space, codes)
            repeat = self._numbering.repeat(str(table.part), number)
            return table, _trial(entry.value, number, repeat, codes)
        except (InvalidConfigurationError, KeyError, TypeError, ValueError) as error:
            words = f"lacks {error}" if isinstance(error, KeyError) else str(error)
            raise CorruptedFileError(
                f"{path}: the entry at character {entry.offset} is not as published: {words}; get "
                "the published file"
            ) from None

    def _table(self, space: Space, dataset: str) -> Table:
        part = f"{space.name.removeprefix('nds_')}-{dataset}"
        return self._tables.setdefault(
            (space.name, dataset), Table(space, dataset, RECIPE, part=part)
        )


def _trial(entry: dict[str, Any], number: int, repeat: int, codes: tuple[float, ...]) -> Trial:
    horizon = entry["optim"]["max_ep"]
    if isinstance(horizon, bool) or not isinstance(horizon, int) or horizon < 1:
        raise ValueError(f"max_ep is {horizon!r}")
    return Trial(
        number=number,
        repeat=repeat,
        codes=codes,
        horizon=horizon,
        seed=int(entry["rng_seed"]),
        metrics={
            "params": float(entry["params"]) / 1e6,
            "flops": float(entry["flops"]) / 1e6,
            "iter_time": float(entry.get("iter_time", np.nan)),
        },
        epochs=np.arange(1, horizon + 1),
        curves={
            "train_loss": _curve(entry, "train_ep_loss", horizon),
            "train_acc": 100.0 - _curve(entry, "train_ep_top1", horizon),
            "test_acc": 100.0 - _curve(entry, "test_ep_top1", horizon),
        },
        trained=horizon,
    )


def _curve(entry: dict[str, Any], name: str, epochs: int) -> FloatArray:
    """Return a value for each epoch; null is missing, as NaN is."""
    curve = np.array(entry[name], dtype=np.float64)
    if curve.shape != (epochs,):
        raise ValueError(f"{name} has the shape {curve.shape} in a training of {epochs} epochs")
    return curve
