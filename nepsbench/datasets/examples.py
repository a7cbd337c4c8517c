"""Examples as every source gives them and every split holds them: inputs and their targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nepsbench.datasets.task import Task
from nepsbench.errors import DatasetError

#: How a network sees stored inputs. ``pixels``: uint8, 0 is black, 255 full, normalised by the mean
#: and the deviation of the training split, by channel. ``raw_pixels``: uint8, 0 to 255 as they are.
#: ``numbers``: of any type, as they are; they are no images.
InputKind = Literal["pixels", "raw_pixels", "numbers"]


@dataclass(frozen=True)
class Examples:
    """Inputs and their targets.

    Attributes:
        inputs: Shape (examples, channels, *places); a batch of them becomes float32.
        targets: Of a class: int64, shape (examples,), from 0. Of labels: uint8, shape (examples,
            labels), 0 or 1. Of a map: float32 or uint8, shape (examples, channels, *places): the
            truth, then what the loss and the metric must know of each place.
        groups: int64, shape (examples,), or None: examples of one number are parts of one thing,
            which is judged as a whole (the chunks of a clip, the windows of a patient). Training
            examples have none, since they are shuffled.
        backgrounds: float32, shape (examples,), or None: how bright the background of each input
            is, of which a recipe may add more or less.
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]
    groups: NDArray[np.int64] | None = None
    backgrounds: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, indices: NDArray[np.integer]) -> Examples:
        """Return the examples at ``indices``, in their order."""
        return Examples(**{name: array[indices] for name, array in self.arrays().items()})

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that there are, by name."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: array for name, array in named.items() if array is not None}


@dataclass(frozen=True)
class Splits:
    """The three splits of a dataset, what is learned from them, and how their inputs are seen."""

    train: Examples
    valid: Examples
    test: Examples
    task: Task
    kind: InputKind = "pixels"

    @classmethod
    def of(cls, parts: Mapping[str, Examples], task: Task, kind: InputKind = "pixels") -> Splits:
        """Return the splits of ``parts``, which are called train, valid and test."""
        return cls(parts["train"], parts["valid"], parts["test"], task, kind)

    def items(self) -> tuple[tuple[str, Examples], ...]:
        """Return the splits with their names."""
        return (("train", self.train), ("valid", self.valid), ("test", self.test))


def check_images(images: Examples, *, shape: tuple[int, ...], classes: int, origin: str) -> None:
    """Refuse labelled images that are not what ``origin`` must hold.

    Raises:
        DatasetError: If shape, number of labels, or a label is wrong.
    """
    pixels, labels = images.inputs, images.targets
    if pixels.shape != shape or labels.shape != shape[:1]:
        raise DatasetError(
            f"{origin}: found images {pixels.shape} with {labels.shape} labels, "
            f"expected {shape}; get the published files again"
        )
    if len(images) and not 0 <= labels.min() <= labels.max() < classes:
        raise DatasetError(
            f"{origin}: labels from {labels.min()} to {labels.max()}, expected "
            f"0 to {classes - 1}; get the published files again"
        )
