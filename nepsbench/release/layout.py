"""Make a lookup from the ordered tables of a release; :mod:`nepsbench.release.lookup` reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.release.coding import ArrayWriter
from nepsbench.release.lookup import ARRAYS, FEW_EPOCHS, INDEX, STATUSES
from nepsbench.release.source import Configurations, Source, twice
from nepsbench.schema import KEY, Metric, Status
from nepsbench.spaces import FiniteSpace, Space

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
    owners: Ints,
) -> None:
    """Write the lookup of the tables in the folder ``tables``; ``owners`` has each epoch's trial.

    Raises:
        ConflictError: If an epoch of a trial stands twice.
    """
    directory.mkdir(parents=True)
    with (directory / ARRAYS).open("wb") as file:
        file.write(b"nepsbench lookup")
        writer = ArrayWriter(file)
        ordered = _Ordered(tables, source.metrics, owners)
        layout = _Layout(writer, ordered, trials, len(configurations))
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
        self, writer: ArrayWriter, source: _Ordered, trials: Trials, configurations: int
    ) -> None:
        self.writer, self.source, self.trials = writer, source, trials
        self.configurations = configurations
        # Epochs are ordered by horizon first, as trials are, so a block's are together.
        self.offsets = np.concatenate([[0], np.cumsum(trials.recorded)])

    def blocks(self) -> list[dict[str, Any]]:
        """Write all blocks and return what JSON says of them, by horizon."""
        horizons, first = np.unique(self.trials.horizons, return_index=True)
        ends = np.append(first[1:], len(self.trials.horizons))
        spans = [slice(int(a), int(b)) for a, b in zip(first, ends, strict=True)]
        blocks = [
            self._trials(int(horizon), span) for horizon, span in zip(horizons, spans, strict=True)
        ]
        orders = [self._epochs(block, span) for block, span in zip(blocks, spans, strict=True)]
        for metric in self.source.metrics:
            values = self.source.column(metric.table, metric.name)
            for block, span, order in zip(blocks, spans, orders, strict=True):
                own = values[span if metric.table == "trials" else self._rows(span)]
                if np.isnan(own).all():
                    continue
                if metric.table == "trials":
                    block["metrics"][metric.name] = self._trial_metric(own, block)
                else:
                    ordered = own if order is None else own[order]
                    block["metrics"][metric.name] = self._epoch_metric(ordered, block)
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

    def _epochs(self, block: dict[str, Any], span: slice) -> Ints | None:
        """Write the recorded epochs: one list where all trials have the same.

        Returns:
            The order in which the rows of epochs are written; None for their own.
        """
        epochs = self.source.epochs[self._rows(span)]
        owners = self.source.owners[self._rows(span)]
        self._refuse_twice(epochs, owners)
        counts = self.trials.recorded[span]
        count = int(counts[0])
        if count and (counts == count).all():
            table = epochs.reshape(count, -1)
            if (table == table[:, :1]).all():
                block["epochs"] = {"of_each": table[:, 0].tolist()}
                return None
        order: Ints = np.argsort(owners, kind="stable")
        block["epochs"] = {
            "offsets": self.writer.whole(np.concatenate([[0], np.cumsum(counts)])),
            "values": self.writer.column(epochs[order]),
            "count": len(epochs),
        }
        return order

    def _epoch_metric(self, own: NDArray[Any], block: Mapping[str, Any]) -> dict[str, Any]:
        epochs = block["epochs"].get("of_each", ())
        parts = np.split(own, len(epochs)) if 0 < len(epochs) <= FEW_EPOCHS else [own]
        return {"columns": [self.writer.column(part) for part in parts]}

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

    def _refuse_twice(self, epochs: Ints, owners: Ints) -> None:
        """Refuse an epoch of a trial that stands twice; they are ordered by epoch and trial."""
        same = (np.diff(epochs) == 0) & (np.diff(owners) == 0)
        if same.any():
            row = int(np.argmax(same))
            key = self.source.key(int(owners[row]))
            raise twice("epochs", {**key, "epoch": int(epochs[row])})


@dataclass(frozen=True)
class _Ordered:
    """The ordered tables of a release, read a column at a time.

    Attributes:
        directory: Where they are.
        metrics: Those that have values.
        owners: The trial of each row of epochs.
    """

    directory: Path
    metrics: tuple[Metric, ...]
    owners: Ints

    @cached_property
    def epochs(self) -> Ints:
        """The epoch of each row of epochs."""
        return self.column("epochs", "epoch").astype(np.int64)

    def column(self, table: str, name: str) -> NDArray[Any]:
        """Return a column; a missing value is NaN."""
        import pyarrow.parquet as pq

        path = self.directory / f"{table}.parquet"
        values: NDArray[Any] = pq.read_table(path, columns=[name]).column(name).to_numpy()
        return values

    def key(self, trial: int) -> dict[str, Any]:
        """Return the key of a trial."""
        import pyarrow.parquet as pq

        table = pq.read_table(self.directory / "trials.parquet", columns=list(KEY))
        key: dict[str, Any] = table.slice(trial, 1).to_pylist()[0]
        return key
