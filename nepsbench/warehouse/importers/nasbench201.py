"""NAS-Bench-201 v1.0 and v1.1: one file of ``torch.save``, read without torch, entry by entry.

Source: Dong and Yang, NAS-Bench-201 (ICLR 2020); AutoDL-Projects, ``nas_201_api/api_201.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nepsbench.errors import SpecError
from nepsbench.warehouse.importers import Option, Progress
from nepsbench.warehouse.importers.block import Block
from nepsbench.warehouse.importers.nats import read_stream
from nepsbench.warehouse.importers.nats_results import NATS_SETS, Dialect
from nepsbench.warehouse.importers.torch_file import opened

#: ``less`` and ``full`` trainings.
DIALECT = Dialect(recipe="nas-bench-201", sets=NATS_SETS, horizons={"less": 12, "full": 200})


def sources(path: Path, **_: Option) -> list[Path]:
    """Return the file.

    Raises:
        SpecError: If there is none.
    """
    if not path.is_file():
        raise SpecError(f"{path}: no file; give NAS-Bench-201-v1_0-... or v1_1-....pth")
    return [path]


def read(path: Path, *, progress: Progress, **_: Option) -> Iterator[Block]:
    """Yield the published trials, some hundred cells at a time."""
    with opened(path) as (content, size):
        yield from read_stream(
            content, path, dialect=DIALECT, tell=lambda: progress(content.at, size)
        )
