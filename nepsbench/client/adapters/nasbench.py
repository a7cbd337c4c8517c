"""The interface of ``nasbench.api``, answered by the release ``nasbench101-cifar10``.

Instead of ``from nasbench import api``:

    >>> from nepsbench.client.adapters import nasbench as api   # doctest: +SKIP

What differs stands in ``docs/adapters.md``.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nepsbench.client.adapters.nasbench_spec import ModelSpec, OutOfDomainError
from nepsbench.client.adapters.published import MissingError, Releases
from nepsbench.client.trial_values import HorizonValues, TrialValues, Value
from nepsbench.errors import InvalidConfigurationError, NepsbenchError, NotInTableError
from nepsbench.release.lookup import CELLS, HASHES
from nepsbench.spaces.nasbench101_graph import MAX_EDGES, MAX_VERTICES, OPERATIONS
from nepsbench.spaces.nasbench101_hashes import HashIndex
from nepsbench.spaces.nasbench101_index import CellIndex, unpack

__all__ = ["ModelSpec", "NASBench", "OutOfDomainError"]

Stats = dict[str, Any]

_SPLITS = {"train": "train", "validation": "valid", "test": "test"}


class _Point(NamedTuple):
    """How one evaluation of a trial is read: seconds, and percents of three splits."""

    seconds: Value
    train: Value
    valid: Value
    test: Value


class _Fractions(dict[float, float]):
    """Percents to the fractions that they were imported from, each computed once."""

    def __missing__(self, percent: float) -> float:
        if len(self) > 200_000:
            self.clear()
        found = self[percent] = _fraction(percent)
        return found


def _fraction(percent: float) -> float:
    """Return the number whose 100-fold is ``percent``: the published one is float32, if one is."""
    near = percent / 100
    for found in (float(np.float32(near)), near, np.nextafter(near, 0), np.nextafter(near, 1)):
        if found * 100 == percent:
            return float(found)
    return near


class NASBench:
    """Queries of NAS-Bench-101, with counters of what they cost.

    Args:
        dataset_file: A data home or release; the original's TFRecord is not read, see
            :class:`~nepsbench.client.adapters.published.Releases`.
        seed: Of the draws of repeats. Without, Python's ``random`` draws.

    Attributes:
        valid_epochs: Schedules that can be asked for.
        training_time_spent: Seconds that queries have cost.
        total_epochs_spent: Epochs that they have cost.
    """

    def __init__(self, dataset_file: str | Path | None = None, seed: int | None = None) -> None:
        bench = Releases(dataset_file, "nasbench101-", kind="nasbench101")["cifar10"]
        directory = bench.release / "lookup"
        self._index = CellIndex.open(directory / CELLS)
        self._hash_index = HashIndex.open(directory / HASHES)
        values = TrialValues(bench)
        self._places, self._horizons = values.places, values.horizons
        self._is_whole = self._places.numbers() is None
        self._fractions = _Fractions()
        # Views hand out plain numbers, faster than arrays.
        self._bits, self._digits = self._index.bits.data, self._index.digits.data
        self._cells: dict[tuple[int, int], tuple[NDArray[np.int8], list[str]]] = {}
        self._points: dict[tuple[int, bool], tuple[HorizonValues, _Point, Value]] = {}
        self._randint = random.Random(seed).randint if seed is not None else random.randint
        self.valid_epochs = set(self._horizons)
        self.config = {
            "module_vertices": MAX_VERTICES,
            "max_edges": MAX_EDGES,
            "num_repeats": max((h.each or 3 for h in self._horizons.values()), default=3),
            "available_ops": [*OPERATIONS],
        }
        self.history: Stats = {}
        self.fixed_statistics = _Statistics(self, 0)
        self.computed_statistics = _Statistics(self, 1)
        self.reset_budget_counters()

    def query(self, model_spec: ModelSpec, epochs: int = 108, stop_halfway: bool = False) -> Stats:
        """Return one of the trainings of a cell, drawn, and pay for it.

        Args:
            model_spec: The cell.
            epochs: Length of the schedule.
            stop_halfway: True for what was measured after half of it.

        Raises:
            OutOfDomainError: If the cell lies outside the space, or nothing has that schedule.
            MissingError: If the table does not have the cell.
        """
        point = self._points.get((epochs, stop_halfway)) or self._point(epochs, stop_halfway)
        values, (seconds, train, valid, test), params = point
        number = model_spec.number(self._index)
        trials = values.trials_of(number if self._is_whole else self._place(number))
        trial = trials[self._randint(0, len(trials) - 1)]
        fractions, spent = self._fractions, seconds(trial)
        matrix, operations = self._cell(number)
        self.training_time_spent += spent
        self.total_epochs_spent += epochs // 2 if stop_halfway else epochs
        return {
            "module_adjacency": matrix,
            "module_operations": operations,
            "trainable_parameters": round(params(trial) * 1e6),
            "training_time": spent,
            "train_accuracy": fractions[train(trial)],
            "validation_accuracy": fractions[valid(trial)],
            "test_accuracy": fractions[test(trial)],
        }

    def is_valid(self, model_spec: ModelSpec) -> bool:
        """True if a cell lies in the space; costs nothing."""
        try:
            model_spec.number(self._index)
        except OutOfDomainError:
            return False
        return True

    def get_budget_counters(self) -> tuple[float, int]:
        """Return the seconds and the epochs that queries have cost."""
        return self.training_time_spent, self.total_epochs_spent

    def reset_budget_counters(self) -> None:
        """Set both to zero."""
        self.training_time_spent, self.total_epochs_spent = 0.0, 0

    def evaluate(self, model_spec: ModelSpec, model_dir: str) -> Stats:
        """Raise: this interface trains nothing.

        Raises:
            NepsbenchError: Always.
        """
        raise NepsbenchError(
            f"no training of {model_spec.ops} into {model_dir}: tables answer here; build its "
            "network by nepsbench.spaces.networks.build_network('nasbench101', ...)"
        )

    def hash_iterator(self) -> AbstractSet[str]:
        """Return the hashes of all cells of the table."""
        return _Hashes(self._hash_index)

    def get_metrics_from_spec(self, model_spec: ModelSpec) -> tuple[Stats, dict[int, list[Stats]]]:
        """Return what is fixed of a cell, and all of its trainings by schedule; costs nothing.

        Raises:
            OutOfDomainError: If the cell lies outside the space.
            MissingError: If the table does not have it.
        """
        return self._metrics(model_spec.number(self._index))

    def get_metrics_from_hash(self, module_hash: str) -> tuple[Stats, dict[int, list[Stats]]]:
        """Return the same by NAS-Bench-101's hash.

        Raises:
            MissingError: If no cell of the table has it.
        """
        try:
            place = self._hash_index.find(module_hash)
        except InvalidConfigurationError as error:
            raise MissingError(str(error)) from None
        return self._metrics(self._places.number(place))

    def _metrics(self, number: int) -> tuple[Stats, dict[int, list[Stats]]]:
        place = self._place(number)
        computed: dict[int, list[Stats]] = {}
        parameters = float("nan")
        for horizon, values in self._horizons.items():
            trials = values.trials_of(place)
            if trials:
                parameters = values.value("params")(trials[0])
                computed[horizon] = [self._trained(horizon, trial) for trial in trials]
        matrix, operations = self._cell(number)
        fixed = {
            "module_adjacency": matrix,
            "module_operations": operations,
            "trainable_parameters": round(parameters * 1e6),
        }
        return fixed, computed

    def _trained(self, horizon: int, trial: int) -> Stats:
        found: Stats = {}
        for name, is_half in (("halfway", True), ("final", False)):
            point = (self._points.get((horizon, is_half)) or self._point(horizon, is_half))[1]
            found[f"{name}_training_time"] = point.seconds(trial)
            for split, at in zip(_SPLITS, point[1:], strict=True):
                found[f"{name}_{split}_accuracy"] = self._fractions[at(trial)]
        return found

    def _point(self, epochs: int, is_half: bool) -> tuple[HorizonValues, _Point, Value]:
        if epochs not in self._horizons:
            raise OutOfDomainError(
                f"nothing was trained for {epochs!r} epochs; choose one of "
                f"{', '.join(map(str, sorted(self.valid_epochs)))}"
            )
        values = self._horizons[epochs]
        at = epochs // 2 if is_half else epochs
        accuracies = [values.value(f"{split}_acc", at) for split in _SPLITS.values()]
        point = _Point(values.value("runtime", at), *accuracies)
        self._points[epochs, is_half] = found = (values, point, values.value("params"))
        return found

    def _place(self, number: int) -> int:
        try:
            return self._places.place_of_number(number)
        except NotInTableError as error:
            raise MissingError(str(error)) from None

    def _cell(self, number: int) -> tuple[Any, list[str]]:
        """Return the published matrix and operations of a cell, new objects each time."""
        bits, digits = self._bits[number], self._digits[number]
        matrix, names = self._cells.get((bits, digits)) or self._unpacked(bits, digits)
        return matrix.copy(), names[:]

    def _unpacked(self, bits: int, digits: int) -> tuple[NDArray[np.int8], list[str]]:
        graph = unpack(bits, digits)
        if len(self._cells) > 20_000:
            self._cells.clear()
        found = self._cells[bits, digits] = (np.array(graph.matrix, dtype=np.int8), graph.labels)
        return found


class _Hashes(AbstractSet[str]):
    """The hashes of a table's cells."""

    def __init__(self, index: HashIndex) -> None:
        self._index = index

    def __contains__(self, text: object) -> bool:
        try:
            self._index.find(str(text))
        except InvalidConfigurationError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        for place in range(len(self)):
            yield self._index.hash_of(place)

    def __len__(self) -> int:
        return len(self._index.numbers)


class _Statistics(Mapping[str, Any]):
    """What the original keeps by hash: one of the two parts of ``get_metrics_from_hash``."""

    def __init__(self, bench: NASBench, part: int) -> None:
        self._bench, self._part = bench, part

    def __getitem__(self, module_hash: str) -> Any:
        return self._bench.get_metrics_from_hash(module_hash)[self._part]

    def __iter__(self) -> Iterator[str]:
        return iter(self._bench.hash_iterator())

    def __len__(self) -> int:
        return len(self._bench.hash_iterator())
