"""From the rows of somebody's table to trials, as a mapping file says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

from nepsbench.errors import InvalidConfigurationError
from nepsbench.schema import METRICS_BY_NAME
from nepsbench.spaces import (
    Categorical,
    Configuration,
    FiniteSpace,
    Float,
    Scalar,
    Space,
    module_name,
)
from nepsbench.warehouse.importers.collecting import Table, Trial
from nepsbench.warehouse.importers.mapping import FromColumn, TableMapping, Trials, Values
from nepsbench.warehouse.importers.numbering import Numbering
from nepsbench.warehouse.importers.units import converted

Row = Mapping[str, Any]
#: Notations of so many configurations are remembered.
_REMEMBERED = 100_000


class RowError(Exception):
    """A row says something that cannot be; one line, without the place."""


@dataclass
class _Run:
    """Rows that tell of the same trials: an epoch each, or only one.

    Attributes:
        key: What they have in common.
        table: Where their trials belong.
        number: The configuration's.
        codes: The encoded configuration.
        seed: Of a column, or of the mapping.
        values: By epoch, the values of each repeat by metric.
    """

    key: tuple[Any, ...]
    table: Table
    number: int
    codes: tuple[float, ...]
    seed: int | tuple[int, ...] | None
    values: dict[int, list[dict[str, float]]] = field(default_factory=dict)


class RowReader:
    """Reads rows one after another, and yields trials when all their rows were there."""

    def __init__(self, mapping: TableMapping) -> None:
        self.mapping = mapping
        self.space = mapping.the_space()
        self._numbering = Numbering()
        self._rows = 0
        self._tables: dict[str, Table] = {}
        self._runs: list[_Run | None] = [None] * len(mapping.trials)
        self._parsed: dict[Any, tuple[float, ...]] = {}
        self._missing = frozenset(mapping.file.missing)

    def read(self, row: Row) -> Iterator[tuple[Table, Trial]]:
        """Take a row; yield the trials that the rows before it told.

        Raises:
            RowError: If the row says something that cannot be.
        """
        self._rows += 1
        row = {name: self._cleaned(value) for name, value in row.items()}
        codes = self._codes(row)
        for place, told in enumerate(self.mapping.trials):
            dataset = _label(told.dataset, row)
            if dataset is None:
                continue
            seed = _whole(told.seed, row) if isinstance(told.seed, FromColumn) else told.seed
            key = (dataset, codes, seed) if told.is_long else (self._rows,)
            run = self._runs[place]
            if run is None or run.key != key:
                if run is not None:
                    yield from self._trials(run, told)
                number = self._number(row, dataset, codes)
                run = self._runs[place] = _Run(key, self._table(dataset), number, codes, seed)
            self._take(run, told, row)

    def rest(self) -> Iterator[tuple[Table, Trial]]:
        """Yield the trials of the last rows."""
        for run, told in zip(self._runs, self.mapping.trials, strict=True):
            if run is not None:
                yield from self._trials(run, told)

    def _table(self, dataset: str) -> Table:
        if dataset not in self._tables:
            self._tables[dataset] = Table(
                self.space, dataset, self.mapping.recipe, about=self.mapping.about()
            )
        return self._tables[dataset]

    def _cleaned(self, value: Any) -> Any:
        if isinstance(value, str):
            text = value.strip()
            return None if not text or text in self._missing else text
        return None if isinstance(value, float) and math.isnan(value) else value

    def _codes(self, row: Row) -> tuple[float, ...]:
        names = self.mapping.configuration_columns(self.space)
        values = tuple(row[name] for name in names)
        for name, value in zip(names, values, strict=True):
            if value is None:
                raise RowError(f"column {name!r} is empty, and says which configuration it is")
        remembered = repr(values)
        if remembered not in self._parsed:
            if len(self._parsed) >= _REMEMBERED:
                self._parsed.clear()
            try:
                self._parsed[remembered] = self.space.encode(self._configuration(values))
            except InvalidConfigurationError as error:
                raise RowError(str(error)) from None
        return self._parsed[remembered]

    def _configuration(self, values: Sequence[Any]) -> Configuration:
        where = self.mapping.configuration
        if where.notation:
            return _parse(self.space, values[0] if isinstance(where.notation, str) else values)
        if where.digits:
            return _from_digits(self.space, str(values[0]))
        return {
            p.name: _scalar(p, value)
            for p, value in zip(self.space.parameters, values, strict=True)
        }

    def _number(self, row: Row, part: str, codes: tuple[float, ...]) -> int:
        if self.mapping.number is None:
            return self._numbering.number(part, self.space, codes)
        number = _integer(row[self.mapping.number], self.mapping.number)
        if number < 0:
            raise RowError(f"column {self.mapping.number!r} is below 0: {number}")
        return number

    def _take(self, run: _Run, told: Trials, row: Row) -> None:
        """Add what a row tells to its run."""
        found = {name: self._values(name, values, row) for name, values in told.metrics.items()}
        lists = {name: v for name, v in found.items() if told.metrics[name].each}
        lengths = {len(values) for values in lists.values()}
        if len(lengths) > 1:
            raise RowError(f"{', '.join(lists)} have different lengths: {sorted(lengths)}")
        count = lengths.pop() if lengths else 1
        kind = next((told.metrics[name].each for name in lists), None)
        if kind == "epoch":
            for step in range(count):
                values = {n: v[step] if n in lists else v[0] for n, v in found.items()}
                run.values[step + 1] = [values]
            return
        epoch = told.horizon
        if isinstance(told.epoch, FromColumn):
            epoch = _integer(row[told.epoch.column], told.epoch.column) + 1 - told.first_epoch
        elif told.epoch is not None:
            epoch = told.epoch + 1 - told.first_epoch
        if epoch in run.values:
            raise RowError(f"epoch {epoch} of this trial stands twice")
        if not 0 <= epoch <= told.horizon:
            raise RowError(f"epoch {epoch} lies outside the horizon, {told.horizon}")
        run.values[epoch] = [
            {name: v[k] if name in lists else v[0] for name, v in found.items()}
            for k in range(count)
        ]

    def _values(self, name: str, values: Values, row: Row) -> list[float]:
        """Return a metric's values in its own unit; NaN is missing."""
        raw = [row[column] for column in values.names]
        if values.each and not values.columns:
            raw = _entries(raw[0], values.names[0])
        metric = METRICS_BY_NAME[name]
        return [
            math.nan
            if (number := _number(value, name)) is None
            else converted(metric, number, unit=values.unit, divide=values.divide)
            for value in (self._cleaned(each) for each in raw)
        ]

    def _trials(self, run: _Run, told: Trials) -> Iterator[tuple[Table, Trial]]:
        """Yield the trials that a run's rows told; one without any value of its own is none."""
        epochs = sorted(run.values)
        repeats = {len(values) for values in run.values.values()}
        if len(repeats) > 1:
            raise RowError(f"the epochs of a trial have different numbers of seeds: {repeats}")
        own = [n for n, v in told.metrics.items() if v.each == "seed"] or list(told.metrics)
        for place in range(repeats.pop()):
            repeat = self._numbering.repeat(run.table.dataset, run.number)
            rows = [run.values[epoch][place] for epoch in epochs]
            if all(math.isnan(row[name]) for row in rows for name in own):
                continue
            seed = run.seed[place] if isinstance(run.seed, tuple) else run.seed
            yield run.table, _trial(run, told, epochs, rows, repeat=repeat, seed=seed)


def _trial(
    run: _Run,
    told: Trials,
    epochs: Sequence[int],
    rows: Sequence[Mapping[str, float]],
    *,
    repeat: int,
    seed: int | None,
) -> Trial:
    by_table: dict[str, list[str]] = {"trials": [], "epochs": []}
    for name in told.metrics:
        by_table[METRICS_BY_NAME[name].table].append(name)
    curves = {name: np.array([row[name] for row in rows]) for name in by_table["epochs"]}
    recorded = np.zeros(len(epochs), dtype=bool)
    for curve in curves.values():
        recorded |= ~np.isnan(curve)
    places = np.flatnonzero(recorded)
    is_curve = told.is_long or any(v.each == "epoch" for v in told.metrics.values())
    last = int(epochs[places[-1]]) if len(places) and is_curve else told.horizon
    short = last < told.horizon
    return Trial(
        number=run.number,
        repeat=repeat,
        codes=run.codes,
        horizon=told.horizon,
        seed=seed,
        metrics={name: rows[-1][name] for name in by_table["trials"]},
        epochs=np.array(epochs)[places],
        curves={name: curve[places] for name, curve in curves.items()},
        trained=last,
        reason=f"published up to epoch {last} of {told.horizon}" if short else None,
    )


def _parse(space: Space, query: Any) -> Configuration:
    """Return the configuration that a notation of a space of ours stands for."""
    name = module_name(space)
    parse = getattr(import_module(name), "parse", None) if name else None
    if parse is None:
        raise RowError(f"space {space.name} has no notation; map its parameters' columns")
    if isinstance(query, str) and query.isdigit() and isinstance(space, FiniteSpace):
        # Six digits are a notation of NAS-Bench-201, whose numbers are shorter.
        query = int(query) if len(query) <= len(str(space.size - 1)) else query
    found: Configuration = parse(query)
    return found


def _from_digits(space: Space, text: str) -> Configuration:
    if len(text) != len(space.parameters) or not (text.isascii() and text.isdigit()):
        raise RowError(f"{text!r} has not one digit for each of {len(space.parameters)} parameters")
    found: Configuration = {}
    for parameter, digit in zip(space.parameters, text, strict=True):
        assert isinstance(parameter, Categorical)
        if int(digit) >= len(parameter.choices):
            raise RowError(
                f"{text!r}: digit {digit} of {parameter.name} is above {len(parameter.choices) - 1}"
            )
        found[parameter.name] = parameter.choices[int(digit)]
    return found


def _scalar(parameter: Categorical | Float, value: Any) -> Scalar:
    """Return a column's value as the parameter has it: CSV files hold nothing but text."""
    if isinstance(parameter, Float):
        number = _number(value, parameter.name)
        return math.nan if number is None else number
    if not isinstance(value, str):
        return value  # type: ignore[no-any-return]
    kind = parameter.choices[0]
    if isinstance(kind, bool):
        return {"true": True, "1": True, "false": False, "0": False}.get(value.lower(), value)
    if isinstance(kind, int | float):
        number = _number(value, parameter.name)
        return math.nan if number is None else int(number) if number.is_integer() else number
    return value


def _number(value: Any, name: str) -> float | None:
    if value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise RowError(f"{name} is {value!r}, no number") from None


def _integer(value: Any, name: str) -> int:
    try:
        whole = int(value)
        if whole == float(value):
            return whole
    except (TypeError, ValueError, OverflowError):
        pass
    raise RowError(f"column {name!r} is {value!r}, no whole number")


def _whole(label: FromColumn, row: Row) -> int | None:
    value = row[label.column]
    return None if value is None else _integer(value, label.column)


def _label(label: str | FromColumn, row: Row) -> str | None:
    """Return the dataset of a row, or None if the mapping passes it over."""
    if isinstance(label, str):
        return label
    value = row[label.column]
    if label.names is None:
        if value is None:
            raise RowError(f"column {label.column!r} is empty, and says which dataset it is")
        return str(value)
    if str(value) not in label.names:
        raise RowError(
            f"column {label.column!r} is {value!r}, which the mapping does not name; it names "
            f"{', '.join(label.names)}"
        )
    return label.names[str(value)]


def _entries(value: Any, name: str) -> list[Any]:
    """Return the entries of a list, or of a text that is one in JSON."""
    if isinstance(value, str):
        import json

        try:
            value = json.loads(value)
        except ValueError:
            value = None
    if not isinstance(value, list):
        raise RowError(f"column {name!r} holds no list")
    return value
