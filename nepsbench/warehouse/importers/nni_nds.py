"""NDS in NNI's form: four model families on two datasets.

The best accuracies and losses of NNI's trials are those of their curves, and are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nepsbench.errors import InvalidConfigurationError, SpecError
from nepsbench.spaces import Space
from nepsbench.spaces.nds_notation import Sweep, from_nni
from nepsbench.warehouse.importers.block import Block
from nepsbench.warehouse.importers.nds import RECIPE
from nepsbench.warehouse.importers.nni_database import Batch, Tables
from nepsbench.warehouse.importers.nni_epochs import Epochs, epochs_of
from nepsbench.warehouse.importers.numbering import Numbering

_MEASURED = ("train_loss", "train_acc", "test_acc")

TABLES = Tables(
    prefix="nds",
    configuration=(
        "model_family", "model_spec", "cell_spec", "dataset", "generator", "proposer",
        "base_lr", "weight_decay", "num_epochs",
    ),
    trial=("seed", *(f"final_{name}" for name in _MEASURED), "parameters", "flops", "iter_time"),
    epoch=_MEASURED,
)  # fmt: skip


@dataclass(frozen=True)
class _Network:
    """What a configuration of NNI's is here.

    Attributes:
        space: Its space.
        dataset: What it was trained on.
        codes: Its encoded form.
        part: Name of the profile within the import.
        number: Its number within that, in the order in which they come.
    """

    space: Space
    dataset: str
    codes: tuple[float, ...]
    part: str
    number: int


class Blocks:
    """Makes blocks of batches; keeps the numbers of configurations and how often each came."""

    def __init__(self) -> None:
        self._numbering = Numbering()

    def of(self, batch: Batch) -> Iterator[Block]:
        """Yield a block for each space and dataset."""
        networks = [self._network(batch, row) for row in range(len(batch.ids))]
        epochs = epochs_of(
            batch,
            batch.whole("num_epochs"),
            curves={name: name for name in _MEASURED},
            final={name: batch.trials[f"final_{name}"] for name in _MEASURED},
        )
        parts = np.array([network.part for network in networks])
        for part in np.unique(parts):
            rows = np.flatnonzero(parts == part)
            yield self._block(batch, rows, [networks[row] for row in rows], epochs.of(rows))

    def _block(
        self, batch: Batch, rows: np.ndarray, networks: list[_Network], epochs: Epochs
    ) -> Block:
        one = networks[0]
        numbers = [network.number for network in networks]
        return Block(
            space=one.space,
            dataset=one.dataset,
            recipe=RECIPE,
            part=one.part,
            numbers=np.array(numbers),
            repeats=np.array([self._numbering.repeat(one.part, number) for number in numbers]),
            codes=np.array([network.codes for network in networks]),
            horizons=batch.whole("num_epochs")[rows],
            seeds=batch.whole("seed")[rows],
            trial_of_epoch=epochs.trial_of_epoch,
            epochs=epochs.epochs,
            epoch_metrics=epochs.metrics,
            metrics={
                "params": batch.trials["parameters"][rows],
                "flops": batch.trials["flops"][rows],
                "iter_time": batch.trials["iter_time"][rows],
            },
        )

    def _network(self, batch: Batch, row: int) -> _Network:
        told = {name: column[row] for name, column in batch.configurations.items()}
        try:
            space, configuration = from_nni(
                told["model_family"],
                json.loads(told["model_spec"]),
                json.loads(told["cell_spec"] or "{}"),
                sweep=Sweep(told["proposer"], told["generator"], told["dataset"]),
                base_lr=told["base_lr"],
                weight_decay=told["weight_decay"],
            )
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise batch.error(row, f"no network of NDS: {error!r:.100}") from None
        except (InvalidConfigurationError, SpecError) as error:
            raise batch.error(row, f"no network of NDS: {error}") from None
        codes = space.encode(configuration)
        # As in the importer of the sweeps.
        part = f"{space.name.removeprefix('nds_')}-{told['dataset']}"
        number = self._numbering.number(part, space, codes)
        return _Network(space, told["dataset"], codes, part, number)
