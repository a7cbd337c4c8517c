"""What is recorded of a benchmark's trials: in the warehouse, or in a release."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from string import Template

import duckdb
import pyarrow as pa

from nepsbench.audit.form import AuditForm
from nepsbench.client.locate import find_release
from nepsbench.errors import CorruptedFileError, NepsbenchError
from nepsbench.release import read_manifest, verify_release
from nepsbench.release.manifest import MANIFEST
from nepsbench.spaces import get_space
from nepsbench.warehouse import open_warehouse

#: The ``source`` of an audit of the warehouse's own tables.
WAREHOUSE = "warehouse"


@dataclass(frozen=True)
class Recorded:
    """The views ``trials`` and ``epochs`` of a benchmark.

    Attributes:
        benchmark: Its name.
        source: ``warehouse``, or the folder of the release.
        connection: Has the views.
        damage: What is wrong with the files that they read, or None. Damage does not keep one
            from comparing what can still be read.
    """

    benchmark: str
    source: str
    connection: duckdb.DuckDBPyConnection
    damage: str | None

    def sample(self, form: AuditForm) -> pa.Table:
        """Return the trials that an audit trains again; see ``sql/sample.sql``.

        Raises:
            NepsbenchError: If none was trained by nepsbench.
        """
        parameters = ", ".join(f'"{name}"' for name in self._parameters())
        given = form.model_dump(include={"epochs", "seed", "number", "share"})
        query = _query_text("sample", parameters=parameters)
        return self.connection.sql(query, params=given).to_arrow_table()

    def rows_of(self, sample: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Return what is recorded of sampled trials: rows of ``trials`` and of ``epochs``."""
        self.connection.register("sample", sample.select(["profile", "taskid", "model_idx"]))
        trials, epochs = (
            self.connection.sql(_query_text("recorded", table=table)).to_arrow_table()
            for table in ("trials", "epochs")
        )
        return trials, epochs

    def _parameters(self) -> tuple[str, ...]:
        query = "SELECT DISTINCT space FROM trials WHERE origin = 'trained'"
        spaces = [row[0] for row in self.connection.sql(query).fetchall()]
        if len(spaces) != 1:
            raise NepsbenchError(
                f"{self.benchmark} ({self.source}): no trial of it was trained by nepsbench; what "
                "others published cannot be trained again here"
            )
        return get_space(spaces[0]).names


@contextmanager
def open_recorded(benchmark: str, home: Path) -> Iterator[Recorded]:
    """Open a benchmark of the warehouse, or a release: ``name@version`` or its folder.

    Raises:
        NepsbenchError: If there is none of that name; says how a release is named.
    """
    if "@" in benchmark or "/" in benchmark or (Path(benchmark) / MANIFEST).is_file():
        folder = find_release(benchmark, home=home).resolve()
        name = read_manifest(folder).name
        with duckdb.connect() as connection:
            for table in ("trials", "epochs"):
                connection.read_parquet(str(folder / f"{table}.parquet")).create_view(table)
            yield Recorded(name, str(folder), connection, _damage(partial(verify_release, folder)))
        return
    warehouse = open_warehouse(home)
    if not warehouse.commit.select(benchmark=benchmark):
        raise NepsbenchError(
            f"{home}: the warehouse holds no trials of benchmark {benchmark!r}; a release is named "
            "like name@1.0.0, or by its folder"
        )
    with warehouse.connect(benchmark) as connection:
        yield Recorded(benchmark, WAREHOUSE, connection, _damage(warehouse.verify))


def _damage(verify: Callable[[], object]) -> str | None:
    """Return what is found wrong, or None."""
    try:
        verify()
    except CorruptedFileError as error:
        return str(error)
    return None


def _query_text(file: str, /, **values: str) -> str:
    text = files("nepsbench.audit").joinpath("sql", f"{file}.sql").read_text()
    return Template(text).substitute(values)
