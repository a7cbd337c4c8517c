"""What a task asks of a network: the loss that training lowers, and the metric of a pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from nepsbench.datasets.task import Task

#: Maps outputs and targets of a batch to the mean loss of its examples.
LossFunction = Callable[[Tensor, Tensor], Tensor]


class Meter(Protocol):
    """Sums up a metric over the batches of a pass."""

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        """Take in a batch, in stored order where groups count."""

    def value(self) -> float:
        """Return the metric of all that was taken in."""


class AccuracyMeter:
    """The share of examples whose likeliest class is the right one, in percent."""

    def __init__(self, groups: Tensor | None = None) -> None:
        del groups
        self._correct = torch.zeros((), dtype=torch.int64)
        self._seen = 0

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        """Take in logits (examples, classes) and labels (examples,)."""
        self._correct = self._correct + (outputs.argmax(1) == targets).sum()
        self._seen += len(targets)

    def value(self) -> float:
        """Return the accuracy in percent."""
        return 100.0 * self._correct.item() / self._seen


def loss_function(task: Task) -> LossFunction:
    """Return the loss of ``task``."""
    return _LOSSES[task.loss]


def new_meter(task: Task, *, groups: Tensor | None = None) -> Meter:
    """Return a fresh meter of the metric of ``task``.

    Args:
        task: Names the metric.
        groups: Which examples of the pass are judged as one, shape (examples,).
    """
    return _METERS[task.metric](groups)


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross entropy of logits (examples, classes) and labels (examples,)."""
    return F.cross_entropy(outputs, targets)


_LOSSES: dict[str, LossFunction] = {"cross_entropy": cross_entropy}
_METERS: dict[str, Callable[[Tensor | None], Meter]] = {"acc": AccuracyMeter}
