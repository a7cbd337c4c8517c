"""A block: some trials of a published table, as arrays, on their way into the warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.schema import Status
from nepsbench.spaces import Space
from nepsbench.spaces.parameters import FloatArray

Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Block:
    """Trials of one benchmark and their recorded epochs. A missing value is NaN.

    An importer yields blocks of a size that memory bears. What it does not know it leaves out.

    Attributes:
        space: The search space.
        dataset: Name of the dataset; with the space it names the benchmark.
        recipe: Name of the published training pipeline.
        numbers: Of each trial, the number of its configuration in the published table; ``taskid``.
        repeats: From 1, unique among the trials of one number in the whole import; ``model_idx``.
        codes: Encoded configurations in their canonical form, shape (trials, parameters).
        horizons: Epochs of each trial's learning-rate schedule; all trials have reached it, unless
            ``trained`` says otherwise.
        seeds: Training seeds; None where none were published.
        trained: Epochs that each trial came to; the horizons by default.
        statuses: A status a trial where any is not complete.
        reasons: Why, for those.
        part: Names the profile within the import where the dataset alone does not: in imports that
            fill benchmarks of several spaces.
        about: What the publisher says of the benchmark: ``citation``, ``licence`` and so on.
        metrics: Trial metrics of the metric dictionary, shape (trials,).
        trial_of_epoch: The row in this block of each recorded epoch's trial.
        epochs: Each recorded epoch.
        epoch_metrics: Epoch metrics of the metric dictionary, shape (epochs,).
    """

    space: Space
    dataset: str
    recipe: str
    numbers: Ints
    repeats: Ints
    codes: FloatArray
    horizons: Ints
    trial_of_epoch: Ints
    epochs: Ints
    epoch_metrics: Mapping[str, FloatArray]
    metrics: Mapping[str, FloatArray] = field(default_factory=dict)
    seeds: Ints | None = None
    trained: Ints | None = None
    statuses: tuple[Status, ...] | None = None
    reasons: tuple[str | None, ...] | None = None
    part: str | None = None
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def benchmark(self) -> str:
        """Name of the benchmark."""
        return f"{self.space.name}-{self.dataset}"

    def __len__(self) -> int:
        """Return the number of trials."""
        return len(self.numbers)
