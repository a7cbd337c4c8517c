"""From a block of made-up trials to a release, by the way that imports take."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from nepsbench.campaign.publish import publish_benchmark
from nepsbench.warehouse import importers, open_warehouse
from nepsbench.warehouse.importers import Kind, Option, Progress
from nepsbench.warehouse.importers.block import Block
from nepsbench.warehouse.importing import import_table


def publish_block(home: Path, block: Block) -> Path:
    """Import a block into the warehouse at ``home`` and release its benchmark."""
    module = ModuleType(f"{importers.__name__}.in_memory")

    def sources(path: Path, **_: Option) -> list[Path]:
        return [path]

    def read(path: Path, *, progress: Progress, **_: Option) -> Iterator[Block]:  # noqa: ARG001
        yield block

    module.sources, module.read = sources, read  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    importers.KINDS["in_memory"] = Kind("in_memory", "in_memory", "a table in memory")
    try:
        file = home / f"{block.benchmark}.txt"
        file.write_text(block.benchmark)
        import_table(open_warehouse(home), "in_memory", file, name=block.benchmark)
    finally:
        del importers.KINDS["in_memory"], sys.modules[module.__name__]
    return publish_benchmark(block.benchmark, "1.0.0", home)
