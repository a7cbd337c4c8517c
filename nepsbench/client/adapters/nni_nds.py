"""NDS's tables as NNI has them: a release a model family and dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from math import nan
from pathlib import Path
from typing import Any

from nepsbench.client.adapters.nni_rows import Fields, Row, Trials, metric
from nepsbench.client.adapters.published import Releases
from nepsbench.client.table import TableBenchmark
from nepsbench.client.trial_values import HorizonValues, TrialValues
from nepsbench.spaces.nds_notation import to_nni

#: The order of NNI's columns.
_CONFIG = (
    "model_family", "model_spec", "cell_spec", "dataset", "generator", "proposer", "base_lr",
    "weight_decay",
)  # fmt: skip
_tables: dict[Path, NdsTable] = {}


class NdsTable:
    """The trials of one model family on one dataset.

    Args:
        bench: Its release.
        first: Number of its first configuration, for ids.
    """

    def __init__(self, bench: TableBenchmark, first: int) -> None:
        self._bench, self._first = bench, first
        self._values = TrialValues(bench)
        self.fields = _FIELDS

    @cached_property
    def _configs(self) -> list[Row]:
        """NNI's configuration of every place; half a second for ten thousand."""
        space = self._bench.space
        rows = [to_nni(space, configuration) for configuration in self._bench.configurations()]
        return [{name: row[name] for name in _CONFIG} for row in rows]

    def matching(self, wanted: Mapping[str, Any]) -> Iterator[Trials]:
        """Yield the trials of configurations and schedules that have these values."""
        epochs = wanted.get("num_epochs")
        rest = {name: value for name, value in wanted.items() if name != "num_epochs"}
        for place, config in enumerate(self._configs):
            if any(config[name] != value for name, value in rest.items()):
                continue
            for rank, (horizon, values) in enumerate(self._values.horizons.items()):
                trials = values.trials_of(place)
                if trials and epochs in (None, horizon):
                    number = 1 + (self._first + place) * 8 + rank
                    own = {"id": number, **config, "num_epochs": horizon}
                    yield Trials(own, values, trials)


def nds_tables(home: Path, family: str | None, dataset: str | None) -> Iterator[NdsTable]:
    """Yield the tables of a family and dataset, None is all, that the home has releases of."""
    releases = Releases(home, "nds_", kind="nds")
    first = 0
    for name in releases:
        own_family, _, own_dataset = name.rpartition("-")
        bench = releases[name]
        if family in (None, own_family) and dataset in (None, own_dataset):
            if bench.release not in _tables:
                _tables[bench.release] = NdsTable(bench, first)
            yield _tables[bench.release]
        first += len(bench)


def _best(name: str, sign: int) -> Any:
    def read(values: HorizonValues, trial: int, _: int) -> float:
        found = [values.value(name, epoch)(trial) for epoch in values.recorded(trial)]
        known = [value for value in found if value == value]
        return sign * max(sign * value for value in known) if known else nan

    return read


_FIELDS = Fields(
    final={
        "final_train_acc": metric("train_acc"),
        "final_train_loss": metric("train_loss"),
        "final_test_acc": metric("test_acc"),
        "best_train_acc": _best("train_acc", 1),
        "best_train_loss": _best("train_loss", -1),
        "best_test_acc": _best("test_acc", 1),
        "parameters": metric("params"),
        "flops": metric("flops"),
        "iter_time": metric("iter_time"),
    },
    intermediate={
        "train_loss": metric("train_loss"),
        "train_acc": metric("train_acc"),
        "test_acc": metric("test_acc"),
    },
    has_seed=True,
)
