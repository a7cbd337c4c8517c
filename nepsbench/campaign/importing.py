"""Import a published table and publish what it fills: the command's and the DAG's one way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from nepsbench.boundary import Section, first_problem
from nepsbench.campaign.form import Version
from nepsbench.campaign.publish import publish_benchmark
from nepsbench.errors import SpecError
from nepsbench.release.versions import precedence
from nepsbench.sampling.spec import Name
from nepsbench.warehouse import open_warehouse
from nepsbench.warehouse.importers import KINDS, Option, Progress, get_importer
from nepsbench.warehouse.importing import ImportReport, import_table


class ImportForm(Section):
    """What a person fills in to import a table.

    Attributes:
        kind: Kind of table.
        path: The published file or folder, where the import runs.
        name: The import's name; empty: the file's.
        mapping: Mapping file of a ``table``, or the name of one of nepsbench's.
        release: Version of the releases that are built; empty: none.
    """

    kind: str = Field(min_length=1)
    path: Path
    name: Name | None = None
    mapping: str | None = None
    release: Version | None = None

    @property
    def options(self) -> dict[str, Option]:
        """The importer's options."""
        return {} if self.mapping is None else {"mapping": self.mapping}


@dataclass(frozen=True)
class Imported:
    """What an import did, and the releases that were built of it."""

    report: ImportReport
    releases: tuple[Path, ...]


def parse_import(values: Mapping[str, Any]) -> ImportForm:
    """Check what a form says, and that there is such a table.

    Raises:
        SpecError: With the first thing that is wrong, in one line.
        CorruptedFileError: If the table cannot be read at all.
    """
    given = {key: value for key, value in values.items() if value not in (None, "")}
    try:
        form = ImportForm.model_validate(given)
    except ValidationError as error:
        raise SpecError(f"import: {first_problem(error, ImportForm)}") from None
    _check_sources(form.kind, form.path, form.options)
    return form


def import_and_publish(
    kind: str,
    path: Path,
    home: Path,
    *,
    name: str | None = None,
    options: Mapping[str, Option] | None = None,
    release: str | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Import a published table, and build a release of every benchmark that it fills.

    Args:
        kind: One of ``nepsbench.warehouse.importers.KINDS``.
        path: The published file or folder.
        home: The data home.
        name: The import's; the file's by default.
        options: The importer's own.
        release: Version of the releases; None: none is built.
        progress: Is told how far the import is.

    Raises:
        SpecError: If there is no such kind or table, or the version is none.
        CorruptedFileError: If a file is not as published.
        ConflictError: If another table was imported or published by that name.
        StorageError: If the disk is full.
    """
    if release is not None:
        precedence(release)
    _check_sources(kind, path, options or {})
    report = import_table(
        open_warehouse(home), kind, path, name=name, progress=progress, options=options
    )
    return Imported(report, publish_import(report, home, release))


def publish_import(report: ImportReport, home: Path, release: str | None) -> tuple[Path, ...]:
    """Build a release of every benchmark that an import filled; none without a version."""
    if release is None:
        return ()
    return tuple(publish_benchmark(name, release, home) for name in sorted(report.rows))


def _check_sources(kind: str, path: Path, options: Mapping[str, Option]) -> None:
    """Refuse what cannot be imported before a data home is made for it."""
    get_importer(kind).sources(path, **{**options, **KINDS[kind].fixed})
