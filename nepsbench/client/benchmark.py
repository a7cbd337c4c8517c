"""What every kind of benchmark object can do: the table's, the surrogate's and the live one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nepsbench.errors import NepsbenchError, NotInTableError, VersionMismatchError
from nepsbench.release.manifest import Manifest
from nepsbench.schema import Metric
from nepsbench.spaces import Configuration, Scalar, Space, get_space

if TYPE_CHECKING:
    import duckdb

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
        configuration: Mapping[str, Scalar],
        epoch: int | None = None,
        *,
        seed: int | None = None,
    ) -> Answer:
        """Return the metrics of a configuration at an epoch.

        Args:
            configuration: One value for each parameter of the space.
            epoch: From 1; the last one without.
            seed: The training seed, where there are several.

        Raises:
            InvalidConfigurationError: If the configuration lies outside the space.
            NotInTableError: If it is valid, but there is no answer for it, the epoch or the seed.
        """

    @abstractmethod
    def trajectory(
        self, configuration: Mapping[str, Scalar], *, seed: int | None = None
    ) -> dict[int, Answer]:
        """Return the answers of all epochs, by epoch; arguments and errors as in a call."""

    def sample(self, seed: int) -> Configuration:
        """Return a random configuration of the space; the same seed gives the same.

        Drawn as a profile draws, from raw words of ``Philox(seed)``, which no profile uses.
        """
        words = np.random.Philox(seed).random_raw(self.space.words_per_draw)
        return self.space.decode(self.space.draw(words[np.newaxis, :])[0].tolist())

    def sql(self, query: str) -> duckdb.DuckDBPyRelation:
        """Run SQL over the release's tables ``trials`` and ``epochs``, with DuckDB.

        Returns:
            A DuckDB relation: ``.fetchall()``, ``.df()``, ``.pl()``, ``.to_arrow_table()``.

        Raises:
            NepsbenchError: If DuckDB cannot run the query.
        """
        import duckdb

        try:
            return self._connection.sql(query)
        except duckdb.Error as error:
            line = str(error).partition("\n")[0]
            raise NepsbenchError(f"SQL on {self.name} {self.version}: {line}") from None

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        connection = duckdb.connect()
        for table in ("trials", "epochs"):
            connection.read_parquet(str(self.release / f"{table}.parquet")).create_view(table)
        return connection

    def __repr__(self) -> str:
        contents = self.manifest.contents
        return (
            f"<{type(self).__name__} {self.name} {self.version}: "
            f"{contents['configurations']} configurations, {contents['max_epoch']} epochs>"
        )


def checked_epoch(epoch: int, last: int) -> int:
    """Return ``epoch`` if it is a whole number from 1 to ``last``.

    Raises:
        NotInTableError: If it is anything else.
    """
    if not hasattr(epoch, "__index__") or not 1 <= epoch <= last:
        raise NotInTableError(f"epoch {epoch!r} is not there; give a whole number from 1 to {last}")
    return int(epoch)


def _space_of(manifest: Manifest, release: Path) -> Space:
    space = get_space(manifest.space["name"])
    if space.version != manifest.space["version"]:
        raise VersionMismatchError(
            f"{release}: made for version {manifest.space['version']} of space {space.name}, "
            f"this nepsbench has version {space.version}; install the version that built it"
        )
    return space
