"""What training asks of a model that is fitted epoch by epoch, without gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Fitted(nn.Module, ABC):
    """A model that takes in all training examples at once, each epoch again."""

    @abstractmethod
    def fit_epoch(self, inputs: Tensor, targets: Tensor, *, loss: str, seed: int) -> None:
        """Become better.

        Args:
            inputs: All examples, shape (examples, channels, places).
            targets: As the task's loss takes them.
            loss: The task's, by name.
            seed: Of the epoch.
        """
