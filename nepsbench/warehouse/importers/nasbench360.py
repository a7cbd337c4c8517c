"""NAS-Bench-360's precomputed tables: NAS-Bench-201's cells on NinaPro and on Darcy flow.

Both were trained on all that is not test, so there is no valid split, and the published
``ori-test`` is ``test``. On Darcy flow the published accuracy is 1 less the loss; it is left out.
Source: Tu et al., NAS-Bench-360 (NeurIPS 2022); its repository, ``precompute/*/benchmark``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nepsbench.warehouse.importers import Option, Progress, nats
from nepsbench.warehouse.importers.block import Block
from nepsbench.warehouse.importers.nats_results import Dialect

_SETS = {"ori-test": "test", "x-valid": "valid", "x-test": "test"}
DIALECT = Dialect(
    recipe="nas-bench-360",
    sets={"ninapro": _SETS, "darcyflow": _SETS},
    horizons={},
    no_accuracy=frozenset({"darcyflow"}),
)


def sources(path: Path, **_: Option) -> list[Path]:
    """Return the files of a folder, the list of architectures first, or the single file.

    Raises:
        SpecError: If ``path`` is neither.
    """
    return nats.sources(path)


def read(path: Path, *, progress: Progress, **_: Option) -> Iterator[Block]:
    """Yield the published trials, some thousand cells at a time."""
    yield from nats.read_table(path, dialect=DIALECT, progress=progress)
