"""The interface of ``jahs_bench``, answered by releases of NEPSBench-101.

Instead of ``import jahs_bench``:

    >>> from nepsbench.client.adapters import jahs_bench   # doctest: +SKIP

Metrics have JAHS-Bench-201's names. What differs stands in ``docs/adapters.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from nepsbench.client import load
from nepsbench.client.adapters.published import MissingError, OutsideError, Releases
from nepsbench.client.benchmark import Answer
from nepsbench.client.benchmark import Benchmark as _Answers
from nepsbench.client.trial_values import HorizonValues, TrialValues
from nepsbench.errors import InvalidConfigurationError, NotInTableError

Results = dict[int, dict[str, float]]

#: JAHS-Bench-201's names in its order; our metric, and the factor from ours.
_METRICS = {
    "FLOPS": ("flops", 1.0),
    "latency": ("latency", 256.0),
    "runtime": ("runtime", 1.0),
    "size_MB": ("params", 1.0),
    "test-acc": ("test_acc", 1.0),
    "train-acc": ("train_acc", 1.0),
    "valid-acc": ("valid_acc", 1.0),
}


class BenchmarkTypes(Enum):
    """What answers."""

    Surrogate = "surrogate"
    Table = "table"
    Live = "live"


class BenchmarkTasks(Enum):
    """The datasets that were published."""

    CIFAR10 = "cifar10"
    ColorectalHistology = "colorectal_histology"
    FashionMNIST = "fashion_mnist"


class Benchmark:
    """A dataset's trainings, by configuration and epoch.

    Args:
        task: Name of the dataset, or a member of ``BenchmarkTasks``; any that has a release.
        kind: ``surrogate``, ``table`` or ``live``, or a member of ``BenchmarkTypes``.
        download: Without effect.
        save_dir: A data home or release; the original's folder is not read, see
            :class:`~nepsbench.client.adapters.published.Releases`.
        metrics: Names of the metrics that are wanted; all seven without.
        lazy: Without effect: all that is ever read is what is asked for.

    Raises:
        OutsideError: If ``kind`` or a metric is none of the choices.
        MissingError: If the task has no release.
    """

    def __init__(
        self,
        task: str | BenchmarkTasks,
        kind: str | BenchmarkTypes = BenchmarkTypes.Surrogate,
        download: bool = True,  # noqa: ARG002
        save_dir: str | Path | None = None,
        metrics: Iterable[str] | None = None,
        lazy: bool = False,  # noqa: ARG002
    ) -> None:
        self.task = task.value if isinstance(task, BenchmarkTasks) else task.lower()
        self.kind = _kind_of(kind)
        self.metrics = tuple(_METRICS if metrics is None else metrics)
        self.save_dir = save_dir
        if unknown := [name for name in self.metrics if name not in _METRICS]:
            raise OutsideError(f"no metric {unknown[0]!r}; choose from {', '.join(_METRICS)}")
        releases = Releases(save_dir, "nepsbench101-", kind="jahs")
        table = releases[self.task]
        self._first: dict[int, HorizonValues] = {}
        self._bench: _Answers = table
        if self.kind is BenchmarkTypes.Table:
            values = TrialValues(table)
            self._places, self._first = values.places, values.horizons
        else:
            self._bench = load(table.release, kind=self.kind.value)

    def __call__(
        self,
        config: Mapping[str, Any],
        nepochs: int = 200,
        full_trajectory: bool = False,
        **_: Any,
    ) -> Results:
        """Return metrics by epoch: of one, or of all up to it.

        Args:
            config: A configuration; ``epoch`` in it is ignored.
            nepochs: The epoch.
            full_trajectory: True for all epochs up to it.

        Raises:
            OutsideError: If the configuration lies outside the space, or the epoch is below 1.
            MissingError: If the table has no such configuration or epoch.
        """
        if nepochs < 1:
            raise OutsideError(f"nepochs={nepochs!r} is not there; give a whole number from 1")
        asked = {name: _plain(value) for name, value in config.items() if name != "epoch"}
        try:
            if self._first:
                return self._recorded(asked, nepochs, full_trajectory)
            if not full_trajectory:
                return {nepochs: self._named(self._bench(asked, nepochs))}
            curve = self._curve(asked, nepochs)
        except NotInTableError as error:
            raise MissingError(str(error)) from None
        except InvalidConfigurationError as error:
            raise OutsideError(str(error)) from None
        return {e: self._named(answer) for e, answer in curve.items() if e <= nepochs}

    def sample_config(
        self, random_state: int | np.random.RandomState | None = None
    ) -> dict[str, Any]:
        """Return a configuration and an ``epoch``: of the table, or of the space trained by SGD.

        Args:
            random_state: The generator, or its seed.
        """
        draw = random_state
        if not isinstance(draw, np.random.RandomState):
            draw = np.random.RandomState(draw)
        found: dict[str, Any] = dict(self._bench.sample(int(draw.randint(2**31 - 1))))
        if not self._first:
            return {**found, "Optimizer": "SGD", "epoch": int(draw.randint(1, 200))}
        values, trial = self._trial(found)
        epochs = values.recorded(trial)
        return {**found, "epoch": int(epochs[draw.randint(len(epochs))])}

    def _trial(self, config: Mapping[str, Any]) -> tuple[HorizonValues, int]:
        """Return the first trial of a configuration."""
        place = self._places.place(config)
        for values in self._first.values():
            for trial in values.trials_of(place):
                return values, trial
        raise MissingError(f"nothing is recorded of {config}")

    def _recorded(self, config: Mapping[str, Any], nepochs: int, every: bool) -> Results:
        values, trial = self._trial(config)
        recorded = [e for e in values.recorded(trial) if (1 <= e <= nepochs)]
        epochs = recorded if every else [e for e in recorded if e == nepochs]
        if not epochs:
            raise MissingError(f"no epoch {nepochs} of {config}; recorded: {recorded}")
        return {
            epoch: {
                name: values.value(ours, epoch)(trial) * factor
                for name, (ours, factor) in _METRICS.items()
                if name in self.metrics
            }
            for epoch in epochs
        }

    def _curve(self, config: Mapping[str, Any], nepochs: int) -> Mapping[int, Answer]:
        if hasattr(self._bench, "trajectory_to"):
            found: Mapping[int, Answer] = self._bench.trajectory_to(config, nepochs)
            return found
        return self._bench.trajectory(config)

    def _named(self, answer: Mapping[str, float]) -> dict[str, float]:
        return {
            name: answer[ours] * factor
            for name, (ours, factor) in _METRICS.items()
            if name in self.metrics and ours in answer
        }


def _kind_of(kind: str | BenchmarkTypes) -> BenchmarkTypes:
    try:
        return BenchmarkTypes(kind)
    except ValueError:
        names = ", ".join(each.value for each in BenchmarkTypes)
        raise OutsideError(f"kind={kind!r} is no choice; choose one of {names}") from None


def _plain(value: Any) -> Any:
    """Return NumPy's numbers as Python's."""
    return value.item() if isinstance(value, np.generic) else value
