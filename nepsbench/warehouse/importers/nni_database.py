"""NNI's SQLite databases: three tables each, read a range of trials at a time.

``<prefix>trialconfig`` holds configurations, ``...trialstats`` trainings of them and
``...intermediatestats`` their epochs. SQLite keeps no checksums: a file that is cut off, or whose
pages do not fit together, is noticed, a number that somebody changed is not.
Source: NNI 3.0, ``nni/nas/benchmark/*/schema.py`` (peewee's names of tables and foreign keys).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import CorruptedFileError, SpecError
from nepsbench.spaces.parameters import FloatArray
from nepsbench.warehouse.views import query_text

_MAGIC = b"SQLite format 3\x00"
_HEADER = 100
#: Trials that are read at once.
_TRIALS = 16_384


@dataclass(frozen=True)
class Tables:
    """The three tables of a benchmark.

    Attributes:
        prefix: Of their names.
        configuration: Columns of a configuration that are read.
        trial: Numbers of a trial that are read.
        epoch: Numbers of an epoch that are read.
    """

    prefix: str
    configuration: tuple[str, ...]
    trial: tuple[str, ...]
    epoch: tuple[str, ...]


@dataclass(frozen=True)
class Batch:
    """Some trials and their epochs, as they stand in the database; NaN is NULL.

    Attributes:
        path: The database.
        ids: Each trial's ``id``.
        configurations: Columns of its configuration.
        trials: Its numbers.
        trial_of_epoch: The row of each epoch's trial.
        epochs: Each ``current_epoch``.
        curves: Its numbers.
    """

    path: Path
    ids: NDArray[np.int64]
    configurations: Mapping[str, Sequence[Any]]
    trials: Mapping[str, FloatArray]
    trial_of_epoch: NDArray[np.int64]
    epochs: NDArray[np.int64]
    curves: Mapping[str, FloatArray]

    def whole(self, name: str) -> NDArray[np.int64]:
        """Return a column of whole numbers, of the configurations or of the trials.

        Raises:
            CorruptedFileError: If a value is none.
        """
        known = self.configurations.get(name)
        column = self.trials[name].tolist() if known is None else known
        for row, value in enumerate(column):
            if not isinstance(value, int | float) or not float(value).is_integer():
                raise self.error(row, f"{name} is {value!r:.40}, which is no whole number")
        return np.array(column, dtype=np.int64)

    def error(self, row: int, words: str) -> CorruptedFileError:
        """Return the error of a trial."""
        return CorruptedFileError(f"{self.path}: trial {self.ids[row]}: {words}")


class Database:
    """An open database of NNI."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path, self._connection = path, connection

    def prefix(self, known: Sequence[str]) -> str:
        """Return which benchmark's tables it holds, the last one that it has of those known.

        Raises:
            SpecError: If it holds none.
        """
        names = {str(name).lower() for (name,) in self._rows("SELECT name FROM sqlite_master")}
        for prefix in known:
            if f"{prefix}trialconfig" in names:
                return prefix
        raise SpecError(
            f"{self._path}: holds no table of NNI's; give nasbench101.db, nasbench201.db or nds.db"
        )

    def batches(self, tables: Tables) -> Iterator[tuple[Batch, int]]:
        """Yield all trials in the order of their ids, and how many there are.

        Raises:
            CorruptedFileError: If the tables are not NNI's, or do not fit together.
        """
        columns = (
            *(f"configuration.{name}" for name in tables.configuration),
            *(f"trial.{name}" for name in tables.trial),
        )
        query = query_text("nni_trials", prefix=tables.prefix, columns=", ".join(columns))
        [(total,)] = self._rows(f"SELECT count(*) FROM {tables.prefix}trialstats")
        last = -1
        while rows := self._rows(query, (last, _TRIALS)):
            batch = self._batch(tables, rows)
            last = int(batch.ids[-1])
            yield batch, int(total)

    def _batch(self, tables: Tables, rows: list[tuple[Any, ...]]) -> Batch:
        ids, configurations, *columns = zip(*rows, strict=True)
        query = query_text("nni_epochs", prefix=tables.prefix, columns=", ".join(tables.epoch))
        found = self._rows(query, (ids[0], ids[-1]))
        trial_ids, epochs, *curves = (
            zip(*found, strict=True) if found else [()] * (2 + len(tables.epoch))
        )
        own = np.array(ids, dtype=np.int64)
        of_epoch = np.array(trial_ids, dtype=np.int64)
        places = np.searchsorted(own, of_epoch)
        split = len(tables.configuration)
        batch = Batch(
            path=self._path,
            ids=own,
            configurations=dict(zip(tables.configuration, columns[:split], strict=True)),
            trials=self._numbers(tables.trial, columns[split:]),
            trial_of_epoch=places,
            epochs=self._epochs(epochs),
            curves=self._numbers(tables.epoch, curves),
        )
        if None in configurations:
            raise batch.error(configurations.index(None), "its configuration is not there")
        strange = np.flatnonzero(own[places] != of_epoch)
        if strange.size:
            raise CorruptedFileError(
                f"{self._path}: there are epochs of trial {of_epoch[strange[0]]}, which is not "
                "there; get the file again"
            )
        return batch

    def _epochs(self, column: Sequence[Any]) -> NDArray[np.int64]:
        epochs = self._numbers(("current_epoch",), [column])["current_epoch"]
        if not (np.isfinite(epochs) & (epochs == np.floor(epochs))).all():
            raise CorruptedFileError(
                f"{self._path}: a current_epoch is no whole number; get the file again"
            )
        return epochs.astype(np.int64)

    def _numbers(
        self, names: Sequence[str], columns: Sequence[Sequence[Any]]
    ) -> dict[str, FloatArray]:
        numbers = {}
        for name, column in zip(names, columns, strict=True):
            try:
                numbers[name] = np.array(column, dtype=np.float64)
            except (TypeError, ValueError):
                odd = next(value for value in column if isinstance(value, str | bytes))
                raise CorruptedFileError(
                    f"{self._path}: {name} is {odd!r:.40}, which is no number"
                ) from None
        return numbers

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with _sqlite_errors(self._path):
            return self._connection.execute(query, values).fetchall()


@contextmanager
def opened(path: Path) -> Iterator[Database]:
    """Yield the database, read only; its pages are checked first.

    Raises:
        CorruptedFileError: If it is no SQLite database, or damaged.
    """
    _check_size(path)
    # Immutable: no lock is taken and no journal looked for, wherever the file lies.
    address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    with _sqlite_errors(path), closing(sqlite3.connect(address, uri=True)) as connection:
        for (words,) in connection.execute("PRAGMA quick_check(1)").fetchall():
            if words != "ok":
                raise CorruptedFileError(f"{path}: damaged: {words.splitlines()[-1]}; get it again")
        yield Database(path, connection)


def _check_size(path: Path) -> None:
    """Refuse a file that is not as long as its header says.

    The header's pages count only if two counters in it agree (SQLite's file format, 1.3.7).
    """
    with path.open("rb") as file:
        head = file.read(_HEADER)
    if len(head) < _HEADER or not head.startswith(_MAGIC):
        raise CorruptedFileError(f"{path}: no SQLite database; get the published file")
    page = int.from_bytes(head[16:18], "big")
    page = 65_536 if page == 1 else page
    expected = page * int.from_bytes(head[28:32], "big")
    size = path.stat().st_size
    if head[24:28] == head[92:96] and size < expected:
        raise CorruptedFileError(
            f"{path}: ends at byte {size}, its header says {expected}; get it again"
        )


@contextmanager
def _sqlite_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise CorruptedFileError(
            f"{path}: not as NNI published it: {error}; get it again"
        ) from None
