"""NNI's databases ``nasbench101.db``, ``nasbench201.db`` and ``nds.db``; their content tells which.

``nlp.db`` is refused: its architectures are recipes of free form, of which there is no space.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from nepsbench.errors import SpecError
from nepsbench.warehouse.importers import Option, Progress
from nepsbench.warehouse.importers.block import Block
from nepsbench.warehouse.importers.nni_database import opened

#: Module by prefix of the tables.
_MODULES = {"nb101": "nni_nasbench101", "nb201": "nni_nasbench201", "nds": "nni_nds"}
_NLP = "nlp"


def sources(path: Path, **_: Option) -> list[Path]:
    """Return the file.

    Raises:
        SpecError: If there is none.
    """
    if not path.is_file():
        raise SpecError(f"{path}: no file; give nasbench101.db, nasbench201.db or nds.db of NNI")
    return [path]


def read(path: Path, *, progress: Progress, **_: Option) -> Iterator[Block]:
    """Yield the trials, in the order of their ids.

    Raises:
        CorruptedFileError: If the database is damaged, or not as published.
        SpecError: If it holds none of the benchmarks.
    """
    with opened(path) as database:
        prefix = database.prefix((*_MODULES, _NLP))
        if prefix == _NLP:
            raise SpecError(
                f"{path}: NNI's nlp.db is not imported: an architecture in it is a recipe of any "
                "number of named nodes, and nepsbench has no space of them"
            )
        module = import_module(f"nepsbench.warehouse.importers.{_MODULES[prefix]}")
        blocks = module.Blocks()
        done = 0
        for batch, total in database.batches(module.TABLES):
            yield from blocks.of(batch)
            done += len(batch.ids)
            progress(done, total)
