"""What the published interfaces share: which releases answer for them, and what they raise.

Their scripts name a file that its authors published. Here the releases of a data home answer, made
of an import (``docs/imports.md``) by ``nepsbench release build``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

from nepsbench.client import load
from nepsbench.client.locate import list_releases
from nepsbench.client.places import Places
from nepsbench.client.table import TableBenchmark
from nepsbench.errors import InvalidConfigurationError, NepsbenchError, NotInTableError
from nepsbench.home import data_home
from nepsbench.release.manifest import MANIFEST

_log = logging.getLogger(__name__)


class OutsideError(InvalidConfigurationError, ValueError):
    """What was asked for lies outside the space; a ``ValueError``, as the originals raise."""


class MissingError(NotInTableError, KeyError):
    """What was asked for is not in the table; a ``KeyError``, as the originals raise."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would show its repr


def place_in(places: Places, number: int) -> int:
    """Return the place of a number, or raise as the originals do.

    Raises:
        OutsideError: If the space has no such number.
        MissingError: If the table does not have it.
    """
    try:
        return places.place_of_number(number)
    except NotInTableError as error:
        raise MissingError(str(error)) from None
    except InvalidConfigurationError as error:
        raise OutsideError(str(error)) from None


class Releases(Mapping[str, TableBenchmark]):
    """Releases by dataset, each opened when it is first asked for.

    Args:
        source: None or ``""`` for the data home (``NEPSBENCH_HOME``); the path of another one, or
            of one release. Any other path or name is taken for that of a published file, as
            scripts have it: the data home answers then, and a line in the log says so.
        prefix: What the names of the releases begin with, for example ``nasbench201-``.
        kind: The kind of import that makes them, for errors.
    """

    def __init__(self, source: str | Path | None, prefix: str, *, kind: str) -> None:
        self._prefix, self._kind = prefix, kind
        self._open: dict[str, TableBenchmark] = {}
        self._paths: dict[str, str | Path] = {}
        path = Path(source) if source else None
        self.home = data_home(path if path and (path / "releases").is_dir() else None)
        if path and (path / MANIFEST).is_file():
            bench = load(path)
            self._open[bench.name.removeprefix(prefix)] = bench
            self._paths = dict.fromkeys(self._open, path)
            return
        self._paths = {
            name.removeprefix(prefix): name
            for name in list_releases(self.home)
            if name.startswith(prefix)
        }
        if not self._paths:
            raise self._nothing(path)
        if path and path != self.home and not (path / "releases").is_dir():
            _log.warning("%s is not read: releases in %s answer", path, self.home / "releases")

    def __getitem__(self, dataset: str) -> TableBenchmark:
        bench = self._open.get(dataset)
        if bench is None:
            if dataset not in self._paths:
                raise MissingError(
                    f"no release {self._prefix}{dataset} in {self.home / 'releases'}; there are: "
                    f"{', '.join(self._paths)}"
                )
            bench = self._open[dataset] = load(self._paths[dataset], home=self.home)
        return bench

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def _nothing(self, path: Path | None) -> NepsbenchError:
        file = f" {path}" if path else ""
        return NepsbenchError(
            f"no release {self._prefix}... in {self.home / 'releases'}; import the published "
            f"files{file} as kind {self._kind} (docs/imports.md) and run nepsbench release build, "
            "or set NEPSBENCH_HOME"
        )
