"""What is learned from a dataset: the loss that training lowers, and the metric that judges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Loss = Literal["cross_entropy"]
#: A metric's name in the metric dictionary, without its split.
MetricName = Literal["acc"]


@dataclass(frozen=True)
class Task:
    """The problem that a dataset poses.

    Attributes:
        loss: What training lowers.
        metric: What every split is judged by, beside the loss.
        outputs: Channels of the network's output: classes, labels, or channels of a map.
        dense: True if there is an output for each place of the input, False for one an example.
        classes: Names of the classes or labels, by number; none for a map.
    """

    loss: Loss
    metric: MetricName
    outputs: int
    dense: bool = False
    classes: tuple[str, ...] = ()


def classification(classes: tuple[str, ...]) -> Task:
    """Return the task of telling which one of ``classes`` an example is."""
    return Task("cross_entropy", "acc", outputs=len(classes), classes=classes)
