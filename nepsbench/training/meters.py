"""The metric of a pass: meters take in its batches, and compute at its end.

scikit-learn computes what it knows; it is imported when a meter that needs it is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nepsbench.datasets.protein import PAIR_BASE
from nepsbench.datasets.task import Task

FloatArray = NDArray[np.floating[Any]]


class Meter(Protocol):
    """Sums up a metric over the batches of a pass."""

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        """Take in a batch, in stored order where groups count."""

    def value(self) -> float:
        """Return the metric of all that was taken in; NaN where it is not defined."""


def new_meter(task: Task, *, groups: Tensor | None = None) -> Meter:
    """Return a fresh meter of the metric of ``task``.

    Args:
        task: Names the metric.
        groups: Which examples of the pass are judged as one, shape (examples,).
    """
    return _METERS[task.metric](groups)


def relative_l2_of_each(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the L2 norm of each map's error by that of the truth, shape (examples,).

    Targets are (truth, scale, offset): an output stands for ``output * scale + offset``.
    Source: Li et al., Fourier Neural Operator (arXiv:2010.08895).
    """
    truth, scale, offset = targets.unbind(1)
    error = outputs.squeeze(1) * scale + offset - truth
    off, whole = (torch.linalg.vector_norm(maps.flatten(1), dim=1) for maps in (error, truth))
    relative: Tensor = off / whole
    return relative


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


class RelativeL2Meter:
    """The mean relative L2 error of maps: the loss of the same name."""

    def __init__(self, groups: Tensor | None = None) -> None:
        del groups
        self._sum = torch.zeros((), dtype=torch.float64)
        self._seen = 0

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        """Take in maps and their targets (truth, scale, offset)."""
        self._sum = self._sum + relative_l2_of_each(outputs, targets).double().sum()
        self._seen += len(targets)

    def value(self) -> float:
        """Return the mean over examples, 0 at best."""
        return self._sum.item() / self._seen


class VotedF1Meter:
    """1 less the mean over classes of the F1 score, a group's class being that of most examples.

    Of equally many, the class that came first in the group counts, as published.
    Source: NAS-Bench-360's ECG task (``backbone_1d/model_def.py``), Hong et al., MINA (IJCAI 2019).
    """

    def __init__(self, groups: Tensor | None = None) -> None:
        from sklearn.metrics import f1_score

        self._score = f1_score
        self._groups = None if groups is None else groups.cpu().numpy()
        self._classes = 0
        self._found: list[NDArray[np.int64]] = []
        self._true: list[NDArray[np.int64]] = []

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        """Take in logits (examples, classes) and labels (examples,)."""
        self._classes = outputs.shape[1]
        self._found.append(outputs.argmax(1).cpu().numpy())
        self._true.append(targets.cpu().numpy())

    def value(self) -> float:
        """Return 1 less the score, 0 at best."""
        found, true = np.concatenate(self._found), np.concatenate(self._true)
        if self._groups is not None:
            found, true = (_votes(labels, self._groups, self._classes) for labels in (found, true))
        labels = range(self._classes)
        score = self._score(true, found, labels=labels, average="macro", zero_division=0)
        return 1.0 - float(score)


def _votes(labels: NDArray[Any], groups: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Return the commonest label of each group; of equally common ones, the earliest."""
    _, group = np.unique(groups, return_inverse=True)
    cell = group * classes + labels
    cells = (int(group.max()) + 1) * classes
    counts = np.bincount(cell, minlength=cells)
    first = np.full(cells, len(labels))
    np.minimum.at(first, cell, np.arange(len(labels)))
    winner: NDArray[np.int64] = (counts * (len(labels) + 1) - first).reshape(-1, classes).argmax(1)
    return winner


class _LabelMeter:
    """Keeps logits and labels of a pass; a group's logits are averaged."""

    def __init__(self, groups: Tensor | None = None) -> None:
        self._groups = None if groups is None else groups.cpu().numpy()
        self._logits: list[FloatArray] = []
        self._labels: list[NDArray[Any]] = []

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        """Take in logits and 0 or 1, both (examples, labels)."""
        self._logits.append(outputs.cpu().numpy())
        self._labels.append(targets.cpu().numpy())

    def _decided(self) -> tuple[NDArray[Any], FloatArray]:
        """Return labels and logits of the groups, of labels that the metric is defined for."""
        labels, logits = np.concatenate(self._labels), np.concatenate(self._logits)
        if self._groups is not None:
            _, first, group = np.unique(self._groups, return_index=True, return_inverse=True)
            summed = np.zeros((len(first), logits.shape[1]))
            np.add.at(summed, group, logits)
            labels, logits = labels[first], summed / np.bincount(group)[:, None]
        positive = labels.sum(0, dtype=np.int64)
        defined = (positive > 0) & (positive < len(labels))
        return labels[:, defined], logits[:, defined]


class MeanPrecisionMeter(_LabelMeter):
    """1 less the mean over labels of average precision; labels that no example has are left out."""

    def value(self) -> float:
        """Return 1 less the mean, 0 at best; NaN if there is no label."""
        from sklearn.metrics import average_precision_score

        labels, logits = self._decided()
        if not labels.size:
            return float("nan")
        return 1.0 - float(average_precision_score(labels, logits, average="macro"))


class AurocMeter:
    """1 less the area under the ROC curve: of labels, the mean over labels; of maps, of all places.

    Of a map (targets: mask, ignored), logits are rounded to half precision and counted, so that
    millions of places need 65,536 pairs of counters, and ignored places are left out.
    """

    def __init__(self, groups: Tensor | None = None) -> None:
        self._labels = _AurocOfLabels(groups)
        self._counts: NDArray[np.int64] | None = None

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        """Take in logits and labels (examples, labels), or logits and targets of maps."""
        if outputs.ndim == 2:
            self._labels.add(outputs, targets)
            return
        kept = targets[:, 1] == 0
        codes = outputs[:, 0][kept].half().cpu().numpy().view(np.uint16).astype(np.int64)
        cell = 2 * codes + (targets[:, 0][kept] > 0.5).cpu().numpy()
        counts = np.bincount(cell, minlength=2 << 16)
        self._counts = counts if self._counts is None else self._counts + counts

    def value(self) -> float:
        """Return 1 less the area, 0 at best; NaN if all is of one kind."""
        if self._counts is None:
            return self._labels.value()
        from sklearn.metrics import roc_auc_score

        counts = self._counts.reshape(-1, 2)
        if not counts.sum(0).all():
            return float("nan")
        code, mask = np.nonzero(counts)
        logits = code.astype(np.uint16).view(np.float16).astype(np.float64)
        # Where half precision overflows, the order among the largest is lost, nothing else.
        logits = np.nan_to_num(logits)
        return 1.0 - float(roc_auc_score(mask, logits, sample_weight=counts[code, mask]))


class _AurocOfLabels(_LabelMeter):
    def value(self) -> float:
        from sklearn.metrics import roc_auc_score

        labels, logits = self._decided()
        if not labels.size:
            return float("nan")
        return 1.0 - float(roc_auc_score(labels, logits, average="macro"))


_FLOOR = 0.01


class LongRangeMaeMeter:
    """MAE_8: the error of distances up to 8 Å between residues 24 or more apart, mean of proteins.

    Targets are (distance, pair), the pair's number below 0 in padding. A group is the windows of
    one protein; without groups every example is one. The two outputs for a pair are combined as
    published: the one above the diagonal is averaged with the one below, each is at least 0.01, and
    their mean counts. A pair whose other output lies outside of a crop has the one alone.
    Source: Adhikari, PDNET (2020), and NAS-Bench-360's ``calculate_mae``.
    """

    def __init__(self, groups: Tensor | None = None) -> None:
        self._groups = None if groups is None else groups.cpu().numpy()
        self._seen = 0
        self._places: list[NDArray[np.int64]] = []
        self._values: list[FloatArray] = []

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        """Take in maps; of them, only the places that count are kept."""
        distance, pair = targets[:, 0], targets[:, 1].long()
        apart = (pair // PAIR_BASE - pair % PAIR_BASE).abs()
        counts = (pair >= 0) & (apart >= 24) & (distance <= 8)
        protein = self._seen + counts.nonzero()[:, 0].cpu().numpy()
        if self._groups is not None:
            protein = self._groups[protein]
        self._places.append(np.stack([protein, pair[counts].cpu().numpy()]))
        values = torch.stack([distance[counts], outputs[:, 0][counts]])
        self._values.append(values.double().cpu().numpy())
        self._seen += len(targets)

    def value(self) -> float:
        """Return the mean over proteins in Å, 0 at best; NaN if no pair counts."""
        protein, pair = np.concatenate(self._places, axis=1)
        distance, output = np.concatenate(self._values, axis=1)
        if not len(pair):
            return float("nan")
        row, column = pair // PAIR_BASE, pair % PAIR_BASE
        low, high = np.minimum(row, column), np.maximum(row, column)
        _, first, key = np.unique(
            (protein * PAIR_BASE + low) * PAIR_BASE + high, return_index=True, return_inverse=True
        )
        sides = np.full((2, len(first)), np.nan)
        sides[(row > column).astype(int), key] = output
        above, below = np.where(np.isnan(sides), sides[::-1], sides)
        combined = (np.maximum((above + below) / 2, _FLOOR) + np.maximum(below, _FLOOR)) / 2
        _, group = np.unique(protein[first], return_inverse=True)
        errors = np.abs(combined - distance[first])
        return float((np.bincount(group, errors) / np.bincount(group)).mean())


_METERS: dict[str, Callable[[Tensor | None], Meter]] = {
    "acc": AccuracyMeter,
    "f1_error": VotedF1Meter,
    "map_error": MeanPrecisionMeter,
    "auroc_error": AurocMeter,
    "mae8": LongRangeMaeMeter,
    "rel_l2": RelativeL2Meter,
}
