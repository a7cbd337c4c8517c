"""Importers of published benchmarks, by kind. One is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from nepsbench.errors import SpecError
from nepsbench.warehouse.importers.block import Block

#: Told how far an import is: ``(done, total)`` in any one unit.
Progress = Callable[[int, int], None]
Option = str | int | float | bool


class Importer(Protocol):
    """What an importer's module has: which files it reads, and what is in them."""

    def sources(self, path: Path, **options: Option) -> list[Path]:
        """Return every file that an import of ``path`` reads, in order.

        Raises:
            SpecError: If ``path`` is nothing that this importer reads.
        """

    def read(self, path: Path, *, progress: Progress, **options: Option) -> Iterator[Block]:
        """Yield the published trials, a block at a time.

        Raises:
            CorruptedFileError: Names the file and the place in it that is not as published.
        """


@dataclass(frozen=True)
class Kind:
    """A kind of published table.

    Attributes:
        name: As in ``nepsbench import <name>``.
        module: Module of ``nepsbench.warehouse.importers``.
        reads: What is imported, in words.
        fixed: Options that this kind stands for, where one module serves several.
        files: Options that name a file among the sources: its content tells imports apart, not
            where it lies.
    """

    name: str
    module: str
    reads: str
    fixed: dict[str, Option] = field(default_factory=dict)
    files: tuple[str, ...] = ()


_KINDS: tuple[Kind, ...] = (
    Kind("nasbench101", "nasbench101", "NAS-Bench-101: nasbench_full.tfrecord or only108"),
    Kind("nats", "nats", "NATS-Bench, topology or size: a folder or a .pickle.pbz2 file"),
    Kind("nasbench201", "nasbench201", "NAS-Bench-201 v1.0 or v1.1: a .pth file"),
    Kind("nashpobench2", "nashpobench2", "NAS-HPO-Bench-II: a folder of its three .pkl files"),
    Kind("nds", "nds", "NDS's sweeps: a folder of their .json files, or one of them"),
    Kind("jahs", "jahs", "JAHS-Bench-201's metric data: a folder, or one .pkl.gz of it"),
    Kind(
        "table",
        "table",
        "anyone's CSV, Parquet or JSON file with a mapping file",
        files=("mapping",),
    ),
    Kind("nni", "nni", "NNI's nasbench101.db, nasbench201.db or nds.db"),
    Kind("nasbench360", "nasbench360", "NAS-Bench-360's tables on NAS-Bench-201's cells"),
)
KINDS = {kind.name: kind for kind in _KINDS}


def get_importer(kind: str) -> Importer:
    """Return the importer of a kind.

    Raises:
        SpecError: If there is none.
    """
    if kind not in KINDS:
        raise SpecError(f"unknown kind {kind!r} of table; there are: {', '.join(KINDS)}")
    module = import_module(f"{__name__}.{KINDS[kind].module}")
    return cast("Importer", module)
