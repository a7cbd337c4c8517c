"""How a search trains: the published constants of each method on NAS-Bench-201.

Source: Dong and Yang, NAS-Bench-201 (ICLR 2020), appendix, and the authors' public configurations.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SearchRecipe:
    """Constants of a search.

    Attributes:
        epochs: Of the published search; the schedule's horizon.
        batch_size: Of training and of validation data.
        rate: Of the weights' SGD, at the start; a cosine leads to ``least_rate``.
        least_rate: At the end.
        momentum: Nesterov's.
        decay: Of the weights.
        clip_norm: Most that the norm of the weights' gradients may be.
        architecture_rate: Of the architecture's Adam.
        architecture_betas: Its moments.
        architecture_decay: Its decay.
        temperatures: Of Gumbel's distribution, at the start and at the end.
        judged: Cells that are drawn and judged in the end, where a method does.
        width: Channels of the first stage.
        depth: Cells in a stage.
    """

    epochs: int
    batch_size: int = 64
    rate: float = 0.025
    least_rate: float = 0.001
    momentum: float = 0.9
    decay: float = 5e-4
    clip_norm: float = 5.0
    architecture_rate: float = 3e-4
    architecture_betas: tuple[float, float] = (0.5, 0.999)
    architecture_decay: float = 1e-3
    temperatures: tuple[float, float] = (10.0, 0.1)
    judged: int = 100
    width: int = 16
    depth: int = 5


RECIPES = {
    "darts": SearchRecipe(epochs=50),
    "darts_second_order": SearchRecipe(epochs=50),
    "gdas": SearchRecipe(epochs=250),
    "random_sharing": SearchRecipe(epochs=250),
}
