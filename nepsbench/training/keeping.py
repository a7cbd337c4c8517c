"""Which weights a trial keeps while it is trained: the same ones however often it is interrupted.

What was kept, and the best weights so far, lie in the checkpoint. So they belong to the same epoch
as the state that a resumed training goes on from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nepsbench.kept import KeepRule
from nepsbench.schema import METRICS_BY_NAME
from nepsbench.training.loop import Metrics, TrainingState
from nepsbench.training.weights import State, keep_weights


@dataclass
class Kept:
    """What a checkpoint knows of kept weights.

    Attributes:
        weights: SHA-256 by epoch, of those that were written.
        best: ``epoch``, ``value`` and ``network`` (its state) of the best epoch so far; empty
            where the best ones are not asked for.
    """

    weights: dict[int, str] = field(default_factory=dict)
    best: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Keeper:
    """Keeps the weights of one trial.

    Attributes:
        rule: Which.
        folder: The campaign's, below which they are written.
        about: What the file says of the network.
        metric: The validation metric that says which epoch is best.
    """

    rule: KeepRule
    folder: Path
    about: dict[str, Any]
    metric: str

    def after_epoch(
        self, kept: Kept, state: TrainingState, metrics: Metrics, *, is_last: bool
    ) -> None:
        """Keep what an epoch gives to keep; before its checkpoint is saved.

        Args:
            kept: What was kept before; changed in place.
            state: After the epoch.
            metrics: The epoch's.
            is_last: True if the wave ends with it.
        """
        network = state.network.state_dict()
        if self.rule.best:
            self._compare(kept, state.epoch, metrics, network)
        if self.rule.every and state.epoch % self.rule.every == 0:
            self._write(kept, state.epoch, network)
        if is_last:
            self.at_end(kept, state.epoch, network)

    def at_end(self, kept: Kept, epoch: int, network: State) -> None:
        """Keep what is known only when the trial has ended, or a wave of it, after ``epoch``."""
        if self.rule.last:
            self._write(kept, epoch, network)
        if self.rule.best and kept.best:
            self._write(kept, kept.best["epoch"], kept.best["network"])

    def _compare(self, kept: Kept, epoch: int, metrics: Metrics, network: State) -> None:
        """Copy the weights of an epoch that is better than all before; of equals, the first."""
        value = metrics.get(self.metric)
        if value is None:
            return
        sign = -1 if METRICS_BY_NAME[self.metric].direction == "min" else 1
        if not kept.best or sign * value > sign * kept.best["value"]:
            copy = {name: tensor.clone() for name, tensor in network.items()}
            kept.best = {"epoch": epoch, "value": value, "network": copy}

    def _write(self, kept: Kept, epoch: int, network: State) -> None:
        kept.weights[epoch] = keep_weights(self.folder, network, self.about)
