"""What is learned from a dataset: the loss that training lowers, and the metric that judges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: What each means, and what it asks of the targets: ``nepsbench.training.objective``.
Loss = Literal[
    "cross_entropy", "binary_cross_entropy", "masked_binary_cross_entropy", "mse", "relative_l2"
]
#: A metric's name in the metric dictionary, without its split.
MetricName = Literal["acc", "f1_error", "map_error", "auroc_error", "mae8", "rel_l2"]


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
