"""RMSProp as TensorFlow defines it, which PyTorch's is not.

Three things differ: epsilon is inside the root, the mean of squares starts at 1, and the learning
rate is a part of what momentum sums up, so that a change of rate does not touch earlier steps.
Source: TensorFlow 1, ``tf.train.RMSPropOptimizer`` and its kernel ``ApplyRMSProp``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class RMSPropTF(torch.optim.Optimizer):
    """Steps by ``b = momentum * b + lr * g / sqrt(ms + eps)``, ``ms`` the mean of squares of ``g``.

    Args:
        weights: What is optimised.
        lr: Learning rate.
        decay: Weight of the past in the mean of squares.
        momentum: Weight of the step before.
        eps: Added inside the root.
        weight_decay: Its product with the weight is added to each gradient, which is what half the
            squared norm, times this, adds to the loss.
    """

    def __init__(
        self,
        weights: Iterable[Tensor],
        *,
        lr: float,
        decay: float,
        momentum: float,
        eps: float,
        weight_decay: float,
    ) -> None:
        options = {
            "lr": lr,
            "decay": decay,
            "momentum": momentum,
            "eps": eps,
            "weight_decay": weight_decay,
        }
        super().__init__(weights, options)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Make one step by the gradients that the weights have."""
        assert closure is None, "gradients are computed before"
        for group in self.param_groups:
            self._step_group(group)

    def _step_group(self, group: dict[str, Any]) -> None:
        weights = [weight for weight in group["params"] if weight.grad is not None]
        if not weights:
            return
        squares, steps = self._moments(weights)
        decay = group["weight_decay"]
        gradients = torch._foreach_add([w.grad for w in weights], weights, alpha=decay)
        torch._foreach_mul_(squares, group["decay"])
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - group["decay"])
        roots = torch._foreach_add(squares, group["eps"])
        torch._foreach_sqrt_(roots)
        torch._foreach_mul_(steps, group["momentum"])
        torch._foreach_addcdiv_(steps, gradients, roots, group["lr"])
        torch._foreach_sub_(weights, steps)

    def _moments(self, weights: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return each weight's mean of squares, 1 at first, and its last step, 0 at first."""
        for weight in weights:
            state = self.state[weight]
            if not state:
                keep = torch.preserve_format
                state["square"] = torch.ones_like(weight, memory_format=keep)
                state["step"] = torch.zeros_like(weight, memory_format=keep)
        states = [self.state[weight] for weight in weights]
        return [state["square"] for state in states], [state["step"] for state in states]
