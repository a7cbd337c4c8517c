"""NATS-Bench: topology (``tss``) and size (``sss``), a folder of files or a single one.

Source: Dong et al., NATS-Bench (TPAMI 2021); nats-bench 1.8, ``api_utils.pickle_load``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from nepsbench.errors import CorruptedFileError, SpecError
from nepsbench.plain_pickle import load_plain
from nepsbench.spaces import FiniteSpace
from nepsbench.warehouse.importers import Option, Progress
from nepsbench.warehouse.importers.block import Block
from nepsbench.warehouse.importers.bzip2 import Bzip2Reader, read_bzip2
from nepsbench.warehouse.importers.nats_results import (
    NATS_SETS,
    Collector,
    Dialect,
    Trial,
    check_architecture,
    space_of,
    trials_of,
)
from nepsbench.warehouse.importers.pickle_content import Content
from nepsbench.warehouse.importers.pickle_stream import stream_entries
from nepsbench.warehouse.importers.processes import read_files
from nepsbench.warehouse.importers.torch_file import NAMES

DIALECT = Dialect(recipe="nats-bench", sets=NATS_SETS, horizons={})
_META = "meta.pickle.pbz2"
_ENTRY = re.compile(r"(\d+)\.pickle\.pbz2", flags=re.ASCII)


def sources(path: Path, **_: Option) -> list[Path]:
    """Return the files of a folder, the list of architectures first, or the single file.

    Raises:
        SpecError: If ``path`` is neither.
    """
    if path.is_file():
        return [path]
    entries = sorted(
        (int(match[1]), each)
        for each in (path.iterdir() if path.is_dir() else ())
        if (match := _ENTRY.fullmatch(each.name))
    )
    if not entries or not (path / _META).is_file():
        raise SpecError(
            f"{path}: no NATS-Bench; give a file NATS-...pickle.pbz2, or a folder with "
            f"{_META} and files like 000000.pickle.pbz2"
        )
    return [path / _META, *(each for _, each in entries)]


def read(path: Path, *, progress: Progress, **_: Option) -> Iterator[Block]:
    """Yield the published trials, some hundred networks at a time."""
    yield from read_table(path, dialect=DIALECT, progress=progress)


def read_table(path: Path, *, dialect: Dialect, progress: Progress) -> Iterator[Block]:
    """Yield the trials of a folder or of a single file.

    Raises:
        CorruptedFileError: If a file is not as published.
    """
    if path.is_file():
        yield from _read_single(path, dialect=dialect, progress=progress)
    else:
        yield from _read_folder(path, dialect=dialect, progress=progress)


def _read_folder(path: Path, *, dialect: Dialect, progress: Progress) -> Iterator[Block]:
    meta, *entries = sources(path)
    head = load_plain(read_bzip2(meta), origin=str(meta), error=CorruptedFileError)
    space = _space_of_head(head, meta)
    collector = Collector(space, dialect.recipe)
    for done, trials in enumerate(
        read_files(partial(read_entry, dialect=dialect), entries), start=1
    ):
        yield from collector.add(trials)
        progress(done, len(entries))
    yield from collector.rest()


def read_entry(path: Path, *, dialect: Dialect) -> list[Trial]:
    """Return the trials of a file of one network.

    Raises:
        CorruptedFileError: If it is not as published.
    """
    content = read_bzip2(path)
    entry = load_plain(content, origin=str(path), error=CorruptedFileError, names=NAMES)
    match = _ENTRY.fullmatch(path.name)
    number = int(match[1]) if match else -1
    states = list(entry.values()) if isinstance(entry, dict) else []
    first = states[0].get("arch_str") if states and isinstance(states[0], dict) else None
    space = space_of(first, origin=str(path))
    check_architecture(entry, number, space=space, origin=str(path))
    return trials_of(entry, number, dialect=dialect, origin=str(path))


def _read_single(path: Path, *, dialect: Dialect, progress: Progress) -> Iterator[Block]:
    with Bzip2Reader(path) as file:
        content, size = Content(file), path.stat().st_size
        yield from read_stream(content, path, dialect=dialect, tell=lambda: progress(file.at, size))
        content.drain()  # compares its checksum


def read_stream(
    content: Content, path: Path, *, dialect: Dialect, tell: Callable[[], None]
) -> Iterator[Block]:
    """Yield the trials of a pickle of a whole table, of which one entry at a time is in memory.

    Raises:
        CorruptedFileError: If it is not as published.
    """
    origin = str(path)
    collector: Collector | None = None
    space: FiniteSpace | None = None
    for number, entry, head in stream_entries(
        content, key="arch2infos", names=NAMES, origin=origin
    ):
        if collector is None or space is None:
            space = _space_of_head(head, path)
            collector = Collector(space, dialect.recipe)
        check_architecture(entry, number, space=space, origin=origin)
        yield from collector.add(trials_of(entry, number, dialect=dialect, origin=origin))
        tell()
    if collector is None:
        raise CorruptedFileError(f"{path}: holds no arch2infos; get the published file")
    yield from collector.rest()


def _space_of_head(head: object, path: Path) -> FiniteSpace:
    """Return the space of a table's list of architectures.

    Raises:
        CorruptedFileError: If the list is not that of a whole space.
    """
    architectures = head.get("meta_archs") if isinstance(head, dict) else None
    if not isinstance(architectures, list) or not architectures:
        raise CorruptedFileError(f"{path}: holds no list meta_archs; get the published file")
    space = space_of(architectures[0], origin=str(path))
    if len(architectures) != space.size:
        raise CorruptedFileError(
            f"{path}: lists {len(architectures)} architectures, {space.name} has {space.size}; "
            "get the published file"
        )
    return space
