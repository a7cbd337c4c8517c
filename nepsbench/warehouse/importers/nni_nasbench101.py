"""NAS-Bench-101 in NNI's form.

In the table of trials, and only there, ``training_time`` is 60 times the seconds; here it is not
(``nni/nas/benchmark/nasbench101/db_gen.py`` of NNI 3.0).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces.nasbench101 import SPACE, from_nni
from nepsbench.spaces.nasbench101_graph import graph_hash
from nepsbench.spaces.nasbench101_index import build_index
from nepsbench.warehouse.importers.block import Block
from nepsbench.warehouse.importers.nni_database import Batch, Tables
from nepsbench.warehouse.importers.nni_epochs import epochs_of
from nepsbench.warehouse.importers.numbering import Numbering

_ACCURACIES = ("train_acc", "valid_acc", "test_acc")
_FACTOR = 60

TABLES = Tables(
    prefix="nb101",
    configuration=("arch", "hash", "num_epochs"),
    trial=(*_ACCURACIES, "parameters", "training_time"),
    epoch=(*_ACCURACIES, "training_time"),
)
_CURVES = {**{name: name for name in _ACCURACIES}, "training_time": "runtime"}


class Blocks:
    """Makes blocks of batches; keeps the numbers of cells and how often each came."""

    def __init__(self) -> None:
        self._numbering = Numbering()
        self._numbers: dict[str, int] = {}

    def of(self, batch: Batch) -> Iterator[Block]:
        """Yield the block of a batch."""
        numbers = [self._number(batch, row) for row in range(len(batch.ids))]
        horizons = batch.whole("num_epochs")
        final = {name: batch.trials[name] for name in _ACCURACIES}
        final["runtime"] = batch.trials["training_time"] / _FACTOR
        epochs = epochs_of(batch, horizons, curves=_CURVES, final=final)
        yield Block(
            space=SPACE,
            dataset="cifar10",
            recipe="nasbench101",
            numbers=np.array(numbers),
            repeats=np.array([self._numbering.repeat("cifar10", number) for number in numbers]),
            codes=SPACE.codes_at(np.array(numbers)),
            horizons=horizons,
            trial_of_epoch=epochs.trial_of_epoch,
            epochs=epochs.epochs,
            epoch_metrics=epochs.metrics,
            metrics={"params": batch.trials["parameters"]},
        )

    def _number(self, batch: Batch, row: int) -> int:
        """Return the number of a trial's cell; each cell is parsed, and its hash compared, once."""
        digest = batch.configurations["hash"][row]
        number = self._numbers.get(digest)
        if number is None:
            number = self._numbers[digest] = _parsed(batch, row)
            own = graph_hash(build_index().graph(number))
            if own != digest:
                raise batch.error(row, f"the hash {digest!r:.40} is not that of its cell, {own}")
        return number


def _parsed(batch: Batch, row: int) -> int:
    try:
        return SPACE.index(from_nni(json.loads(batch.configurations["arch"][row])))
    except (ValueError, TypeError, AttributeError, InvalidConfigurationError) as error:
        raise batch.error(row, f"no cell of NAS-Bench-101: {error}") from None
