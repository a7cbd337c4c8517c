"""Make a lookup from the ordered tables of a release; :mod:`nepsbench.release.lookup` reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.release.coding import ArrayWriter
from nepsbench.release.lookup import ARRAYS, FEW_EPOCHS, INDEX, STATUSES
from nepsbench.release.source import Configurations, Source, twice
from nepsbench.schema import KEY, Metric, Status
from nepsbench.spaces import FiniteSpace, Space

if TYPE_CHECKING:
    import pyarrow as pa

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Trials:
    """The trials in their order, as arrays; of a missing seed, ``seeds`` has the repeat's number.

    Attributes:
        horizons: Ascending.
        places: Place of the configuration, ascending within a horizon.
        seeds: Training seed, or number of the repeat.
        statuses: Place in ``STATUSES``.
        recorded: How many epochs were recorded.
        published: How many seeds were not missing.
    """

    horizons: Ints
    places: Ints
    seeds: Ints
    statuses: Ints
    recorded: Ints
    published: int

    @property
    def seeds_word(self) -> str:
        """``published``, ``repeats`` where there are none and repeats are counted, or ``mixed``."""
        if self.published == len(self.seeds):
            return "published"
        return "mixed" if self.published else "repeats"


def read_trials(source: Source) -> Trials:
    """Return the trials of the table ``ranked``."""
    found = source.connection.sql(
        "SELECT horizon, place, seed, status, recorded FROM ranked ORDER BY trial"
    ).to_arrow_table()
    horizons, places, recorded = (
        found.column(name).to_numpy().astype(np.int64) for name in ("horizon", "place", "recorded")
    )
    seeds = found.column("seed")
    known = seeds.is_valid().to_numpy(zero_copy_only=False)
    numbers = np.zeros(len(known), dtype=np.int64)
    numbers[known] = seeds.drop_null().to_numpy().astype(np.int64)
    numbers[~known] = _repeats(horizons[~known], places[~known])
    statuses = found.column("status").combine_chunks().dictionary_encode()
    order = np.array(
        [STATUSES.index(Status(s)) for s in statuses.dictionary.to_pylist()], dtype=int
    )
    codes = order[statuses.indices.to_numpy()] if len(order) else np.zeros(0, dtype=np.int64)
    return Trials(horizons, places, numbers, codes, recorded, int(known.sum()))


def _repeats(horizons: Ints, places: Ints) -> Ints:
    """Return, for ordered trials, how many of the same configuration and horizon came before."""
    if not len(places):
        return places
    begins = np.ones(len(places), dtype=bool)
    begins[1:] = (np.diff(horizons) != 0) | (np.diff(places) != 0)
    rows = np.arange(len(places))
    counted: Ints = rows - rows[begins][np.cumsum(begins) - 1]
    return counted


def write_lookup(
    directory: Path,
    *,
    tables: Path,
    source: Source,
    configurations: Configurations,
    trials: Trials,
) -> None:
    """Write the lookup of the tables in the folder ``tables``.

    Raises:
        ConflictError: If an epoch of a trial stands twice.
    """
    directory.mkdir(parents=True)
    with (directory / ARRAYS).open("wb") as file:
        file.write(b"nepsbench lookup")
        writer = ArrayWriter(file)
        layout = _Layout(writer, tables, source.metrics, trials, len(configurations))
        index = {
            "trials": len(trials.places),
            "seeds": trials.seeds_word,
            "configurations": _write_configurations(writer, configurations, source.space),
            "blocks": layout.blocks(),
        }
    (directory / INDEX).write_text(json.dumps(index, indent=1))


def _write_configurations(
    writer: ArrayWriter, configurations: Configurations, space: Space
) -> dict[str, Any]:
    found: dict[str, Any] = {"count": len(configurations)}
    if configurations.numbers is None:
        codes = configurations.codes
        small = codes.astype(np.uint8)
        exact = small if np.array_equal(small, codes) else codes
        return {
            **found,
            "keys": writer.array(configurations.keys),
            "codes": writer.array(exact.ravel()),
        }
    assert isinstance(space, FiniteSpace)  # it has numbers
    if len(configurations) < space.size:
        found["numbers"] = writer.whole(configurations.numbers)
    return found


class _Layout:
    """The blocks of a lookup, written column by column, so that one is in memory at a time."""

    def __init__(
        self,
        writer: ArrayWriter,
        tables: Path,
        metrics: tuple[Metric, ...],
        trials: Trials,
        configurations: int,
    ) -> None:
        self.writer, self.tables, self.metrics = writer, tables, metrics
        self.trials, self.configurations = trials, configurations
        self.offsets = np.concatenate([[0], np.cumsum(trials.recorded)])

    def blocks(self) -> list[dict[str, Any]]:
        """Write all blocks and return what JSON says of them, by horizon."""
        horizons, first = np.unique(self.trials.horizons, return_index=True)
        ends = np.append(first[1:], len(self.trials.horizons))
        spans = [slice(int(a), int(b)) for a, b in zip(first, ends, strict=True)]
        blocks = [
            self._trials(int(horizon), span) for horizon, span in zip(horizons, spans, strict=True)
        ]
        epochs = _column(self.tables / "epochs.parquet", "epoch").astype(np.int64)
        self._refuse_twice(epochs)
        for block, span in zip(blocks, spans, strict=True):
            block["epochs"] = self._epochs(span, epochs)
        del epochs
        for metric in self.metrics:
            values = _column(self.tables / f"{metric.table}.parquet", metric.name)
            for block, span in zip(blocks, spans, strict=True):
                if coded := self._metric(metric, values, span, block):
                    block["metrics"][metric.name] = coded
        return blocks

    def _trials(self, horizon: int, span: slice) -> dict[str, Any]:
        counts = np.bincount(self.trials.places[span], minlength=self.configurations)
        each = int(counts[0]) if (counts == counts[0]).all() else None
        return {
            "horizon": horizon,
            "first_trial": span.start,
            "trials": span.stop - span.start,
            "trials_of_each": each,
            "trial_offsets": None
            if each is not None
            else self.writer.whole(np.concatenate([[0], np.cumsum(counts)])),
            "seeds": self.writer.column(self.trials.seeds[span]),
            "statuses": self.writer.column(self.trials.statuses[span]),
            "metrics": {},
        }

    def _epochs(self, span: slice, epochs: Ints) -> dict[str, Any]:
        """Return the recorded epochs: one list where all trials have the same."""
        counts = self.trials.recorded[span]
        own = epochs[self._rows(span)]
        count = int(counts[0])
        if count and (counts == count).all():
            table = own.reshape(-1, count)
            if (table == table[0]).all():
                return {"of_each": table[0].tolist()}
        offsets = self.offsets[span.start : span.stop + 1] - self.offsets[span.start]
        return {
            "offsets": self.writer.whole(offsets),
            "values": self.writer.column(own),
            "count": len(own),
        }

    def _metric(
        self, metric: Metric, values: NDArray[Any], span: slice, block: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """Write a metric's values in a block; None if there are none."""
        own = values[span] if metric.table == "trials" else values[self._rows(span)]
        if np.isnan(own).all():
            return None
        if metric.table == "trials":
            return self._trial_metric(own, block)
        epochs = block["epochs"].get("of_each")
        if epochs is None:
            return {"columns": [self.writer.column(own)]}
        by_epoch = own.reshape(-1, len(epochs)).T
        if len(epochs) > FEW_EPOCHS:
            return {"columns": [self.writer.column(by_epoch.ravel())]}
        return {"columns": [self.writer.column(np.ascontiguousarray(row)) for row in by_epoch]}

    def _trial_metric(self, own: NDArray[Any], block: Mapping[str, Any]) -> dict[str, Any]:
        """Write one value a configuration where all its trials have the same."""
        each = block["trials_of_each"]
        if each and each > 1:
            table = own.reshape(-1, each)
            if (table == table[:, :1]).all():
                first = np.ascontiguousarray(table[:, 0])
                coded = {"columns": [self.writer.column(first)]}
                return {"of_trial": True, "of_configuration": True, **coded}
        return {"of_trial": True, "columns": [self.writer.column(own)]}

    def _rows(self, span: slice) -> slice:
        return slice(int(self.offsets[span.start]), int(self.offsets[span.stop]))

    def _refuse_twice(self, epochs: Ints) -> None:
        """Refuse an epoch that stands twice; they ascend within a trial."""
        same = np.flatnonzero(np.diff(epochs) == 0)
        trial = np.searchsorted(self.offsets, same, side="right") - 1
        inside = same + 1 < self.offsets[trial + 1]
        for row, owner in zip(same[inside].tolist(), trial[inside].tolist(), strict=True):
            key = _row(self.tables / "trials.parquet", list(KEY), owner)
            raise twice("epochs", {**key, "epoch": int(epochs[row])})


def _column(path: Path, name: str) -> NDArray[Any]:
    """Return a column of a Parquet file; a missing value is NaN."""
    import pyarrow.parquet as pq

    column: pa.ChunkedArray = pq.read_table(path, columns=[name]).column(name)
    values: NDArray[Any] = column.to_numpy()
    return values


def _row(path: Path, names: list[str], row: int) -> dict[str, Any]:
    import pyarrow.parquet as pq

    found: dict[str, Any] = pq.read_table(path, columns=names).slice(row, 1).to_pylist()[0]
    return found
