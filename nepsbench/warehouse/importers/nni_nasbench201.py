"""NAS-Bench-201 in NNI's form.

NNI gives every dataset a valid, a test and an original test set, by repeating those that it has:
what it calls valid of ``cifar10`` is the test set. Here each set has its one true name.
Source: ``dataset_split`` in ``nni/nas/benchmark/nasbench201/db_gen.py`` of NNI 3.0.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces.cells import from_nni
from nepsbench.spaces.nasbench201 import SPACE, from_cell
from nepsbench.warehouse.importers.block import Block
from nepsbench.warehouse.importers.nats_results import LATENCY_BATCH
from nepsbench.warehouse.importers.nni_database import Batch, Tables
from nepsbench.warehouse.importers.nni_epochs import epochs_of
from nepsbench.warehouse.importers.numbering import Numbering

_SETS = ("train", "valid", "test", "ori_test")
_MEASURED = tuple(f"{name}_{what}" for name in _SETS for what in ("acc", "loss"))

TABLES = Tables(
    prefix="nb201",
    configuration=("arch", "num_epochs", "num_channels", "num_cells", "dataset"),
    trial=(
        "seed", *_MEASURED, "parameters", "latency", "flops", "training_time",
        *(f"{name}_evaluation_time" for name in _SETS[1:]),
    ),
    epoch=_MEASURED,
)  # fmt: skip

#: Name and splits of a dataset by NNI's; splits that repeat another are left out.
_DATASETS = {
    "cifar10-valid": ("cifar10-valid", ("train", "valid", "test")),
    "cifar10": ("cifar10", ("train", "test")),
    "cifar100": ("cifar100", _SETS),
    "imagenet16-120": ("ImageNet16-120", _SETS),
}
#: Of every network: channels of the first convolution and cells a stage.
_SIZE = (16, 5)


class Blocks:
    """Makes blocks of batches; keeps the numbers of cells and how often each came."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._numbering = Numbering()

    def of(self, batch: Batch) -> Iterator[Block]:
        """Yield a block a dataset."""
        names = np.array(batch.configurations["dataset"])
        for name in np.unique(names).tolist():
            rows = np.flatnonzero(names == name)
            if name not in _DATASETS:
                raise batch.error(int(rows[0]), f"NAS-Bench-201 has no dataset {name!r}")
            yield self._block(batch, rows, *_DATASETS[name])

    def _block(
        self, batch: Batch, rows: NDArray[np.int64], dataset: str, splits: tuple[str, ...]
    ) -> Block:
        horizons = batch.whole("num_epochs")
        columns = [f"{split}_{what}" for split in splits for what in ("acc", "loss")]
        told = batch.trials
        after = {f"{s}_duration": told[f"{s}_evaluation_time"] for s in splits if s != "train"}
        # Not measured is published as -1, or 0.
        latency = np.where(told["latency"] > 0, told["latency"], np.nan)
        after["latency"] = latency / LATENCY_BATCH
        epochs = epochs_of(
            batch, horizons, curves={name: name for name in columns}, final=told, after=after
        ).of(rows)
        numbers = [self._number(batch, row) for row in rows.tolist()]
        return Block(
            space=SPACE,
            dataset=dataset,
            recipe="nas-bench-201",
            numbers=np.array(numbers),
            repeats=np.array([self._numbering.repeat(dataset, number) for number in numbers]),
            codes=SPACE.codes_at(np.array(numbers)),
            horizons=horizons[rows],
            seeds=batch.whole("seed")[rows],
            trial_of_epoch=epochs.trial_of_epoch,
            epochs=epochs.epochs,
            epoch_metrics=epochs.metrics,
            metrics={
                "params": told["parameters"][rows],
                "flops": told["flops"][rows],
                "total_train_duration": told["training_time"][rows],
            },
        )

    def _number(self, batch: Batch, row: int) -> int:
        size = (batch.configurations["num_channels"][row], batch.configurations["num_cells"][row])
        if size != _SIZE:
            raise batch.error(row, f"{size} channels and cells a stage; NAS-Bench-201 has {_SIZE}")
        arch = batch.configurations["arch"][row]
        number = self._numbers.get(arch)
        if number is None:
            try:
                number = SPACE.index(from_cell(from_nni(json.loads(arch))))
            except (ValueError, TypeError, InvalidConfigurationError) as error:
                raise batch.error(row, f"no cell of NAS-Bench-201: {error}") from None
            self._numbers[arch] = number
        return number
