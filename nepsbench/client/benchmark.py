"""What every kind of benchmark object can do: the table's, the surrogate's and the live one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nepsbench.errors import NepsbenchError, NotInTableError, VersionMismatchError
from nepsbench.release.manifest import Manifest
from nepsbench.release.text import query_text
from nepsbench.schema import EPOCH_COLUMNS, TRIAL_COLUMNS, Metric
from nepsbench.spaces import Configuration, Scalar, Space, get_space, space_names
from nepsbench.spaces.declared import space_from

if TYPE_CHECKING:
    import duckdb
    from torch import nn

#: A configuration, or what stands for one: its number in a finite space, or any notation of it.
Query = Any
#: One answer: metric name to value. A metric that has no value is not in it.
Answer = dict[str, float]


class Benchmark(ABC):
    """An objective function with a search space.

    Attributes:
        release: Folder of the release that answers.
        manifest: What the release says of itself.
        space: The space of its configurations.
        metrics: The dictionary entries of the metrics it can answer, in order.
    """

    def __init__(self, release: Path, manifest: Manifest) -> None:
        self.release = release
        self.manifest = manifest
        self.space = _space_of(manifest, release)
        self.metrics: tuple[Metric, ...] = manifest.metrics

    @property
    def name(self) -> str:
        """The benchmark's name."""
        return self.manifest.name

    @property
    def version(self) -> str:
        """The release's version."""
        return self.manifest.version

    @property
    def max_epoch(self) -> int:
        """The last epoch that any trial of the release was trained to."""
        return int(self.manifest.contents["max_epoch"])

    @abstractmethod
    def __call__(
        self,
        query: Query,
        epoch: int | None = None,
        *,
        seed: int | None = None,
        horizon: int | None = None,
        draw: int | None = None,
    ) -> Answer:
        """Return the metrics of a configuration at an epoch.

        Args:
            query: A configuration, with one value for each parameter of the space; its number; or
                any notation that the space's module reads.
            epoch: From 1 (a published table may have 0, before any training); the last one without.
            seed: The training seed, where there are several; their mean without.
            horizon: Epochs of the learning-rate schedule, where there are several; the largest
                without.
            draw: Instead of ``seed``: choose one of them, the same for the same draw and
                configuration.

        Raises:
            InvalidConfigurationError: If the configuration lies outside the space.
            NotInTableError: If it is valid, but there is no answer for it, the epoch, the seed or
                the horizon.
        """

    @abstractmethod
    def trajectory(
        self, query: Query, *, seed: int | None = None, horizon: int | None = None
    ) -> dict[int, Answer]:
        """Return the answers of all epochs, by epoch; arguments and errors as in a call."""

    def sample(self, seed: int) -> Configuration:
        """Return a random configuration of the space; the same seed gives the same.

        Drawn as a profile draws, from raw words of ``Philox(seed)``, which no profile uses.
        """
        return sample_of(self.space, seed)

    def weights(
        self,
        query: Query,
        epoch: int | None = None,
        *,
        seed: int | None = None,
        home: str | Path | None = None,
    ) -> nn.Module:
        """Return the network of a configuration with the weights that were kept after an epoch.

        Args:
            query: As in a call.
            epoch: After which they were kept; the last one that was kept without.
            seed: Of the trial, where there are several; the lowest without.
            home: The data home that they were fetched into; by default the release's own.

        Raises:
            NotInTableError: If none were kept.
            NepsbenchError: If they were not fetched; the error carries the command.
            CorruptedFileError: If the file is damaged.
        """
        from nepsbench.client.kept_weights import kept_network

        return kept_network(self, query, epoch, seed=seed, home=home)

    @property
    def horizons(self) -> tuple[int, ...]:
        """The lengths of the learning-rate schedules in the table, ascending."""
        return tuple(self.manifest.contents["horizons"])

    def sql(
        self,
        query: str,
        *,
        parameters: Sequence[Scalar] | Mapping[str, Scalar | None] | None = None,
    ) -> duckdb.DuckDBPyRelation:
        """Run SQL over the release's ``trials`` and ``epochs``, and ``curves``, the two joined.

        Args:
            query: The SQL.
            parameters: Values for its question marks, or by name for its ``$names``.

        Returns:
            A DuckDB relation: ``.fetchall()``, ``.df()``, ``.pl()``, ``.to_arrow_table()``.

        Raises:
            NepsbenchError: If DuckDB cannot run the query.
        """
        import duckdb

        try:
            return self._connection.sql(query, params=parameters or None)
        except duckdb.Error as error:
            line = str(error).partition("\n")[0]
            raise NepsbenchError(f"SQL on {self.name} {self.version}: {line}") from None

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        connection = duckdb.connect()
        for table in ("trials", "epochs"):
            found = connection.read_parquet(str(self.release / f"{table}.parquet"))
            found.project(_all_columns(table, found.columns)).create_view(table)
        connection.execute(query_text("curves"))
        return connection

    def __repr__(self) -> str:
        contents = self.manifest.contents
        return (
            f"<{type(self).__name__} {self.name} {self.version}: "
            f"{contents['configurations']} configurations, {contents['max_epoch']} epochs>"
        )


def sample_of(space: Space, seed: int) -> Configuration:
    """Return a random configuration of a space; see :meth:`Benchmark.sample`."""
    words = np.random.Philox(seed).random_raw(space.words_per_draw)
    return space.decode(space.draw(words[np.newaxis, :])[0].tolist())


def checked_epoch(epoch: int, last: int) -> int:
    """Return ``epoch`` if it is a whole number from 1 to ``last``.

    Raises:
        NotInTableError: If it is anything else.
    """
    if not hasattr(epoch, "__index__") or not 1 <= epoch <= last:
        raise NotInTableError(f"epoch {epoch!r} is not there; give a whole number from 1 to {last}")
    return int(epoch)


def _all_columns(table: str, there: Sequence[str]) -> str:
    """Return SQL that adds the schema's columns that have no value and are not in the file."""
    schema = TRIAL_COLUMNS if table == "trials" else EPOCH_COLUMNS
    types = {"int64": "BIGINT", "float64": "DOUBLE", "string": "VARCHAR", "timestamp": "TIMESTAMP"}
    added = [f"NULL::{types[c.type]} AS {c.name}" for c in schema if c.name not in there]
    return ", ".join(["*", *added])


def _space_of(manifest: Manifest, release: Path) -> Space:
    """Return the space that the manifest names, or describes where nepsbench has none of it."""
    name = manifest.space["name"]
    if name not in space_names():
        return space_from(manifest.space)
    space = get_space(name)
    if space.version != manifest.space["version"]:
        raise VersionMismatchError(
            f"{release}: made for version {manifest.space['version']} of space {space.name}, "
            f"this nepsbench has version {space.version}; install the version that built it"
        )
    return space
