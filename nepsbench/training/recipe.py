"""Training recipes: what is the same for every trial of a benchmark, as data.

``recipes/<name>.yaml`` holds the numbers; the configuration holds what differs between trials
(optimiser, learning rate, weight decay, augmentation, resolution).
"""

from __future__ import annotations

import math
from functools import cache
from importlib import resources

import yaml
from pydantic import Field

from nepsbench.boundary import Section
from nepsbench.errors import SpecError


class SGDSettings(Section):
    """Settings of stochastic gradient descent."""

    momentum: float = Field(ge=0, lt=1)
    nesterov: bool


class AdamWSettings(Section):
    """Settings of AdamW."""

    betas: tuple[float, float]
    eps: float = Field(gt=0)


class Recipe(Section):
    """How every trial of a benchmark is trained.

    Attributes:
        name: Its file's name.
        version: Raised with every change that changes a result.
        horizon: Epochs of the cosine schedule; a shorter training is a prefix of a longer one.
        lr_floor: Learning rate at the horizon.
        batch_size: For training and evaluation.
        flip: Mirror half of the training images.
        crop_padding: Pixels around a training image before it is cropped, at Resolution 1.
        threads: Threads of torch; sums depend on it, so it belongs to the recipe.
    """

    name: str
    version: int
    horizon: int = Field(gt=0)
    lr_floor: float = Field(ge=0)
    batch_size: int = Field(gt=1)
    sgd: SGDSettings
    adamw: AdamWSettings
    flip: bool
    crop_padding: int = Field(ge=0)
    threads: int = Field(gt=0)

    @property
    def label(self) -> str:
        """Name and version as they stand in the tables."""
        return f"{self.name}/{self.version}"

    def check_epochs(self, epochs: int) -> None:
        """Refuse to train further than the schedule goes.

        Raises:
            SpecError: If ``epochs`` is beyond the horizon.
        """
        if epochs > self.horizon:
            raise SpecError(
                f"recipe {self.label} ends at epoch {self.horizon}, {epochs} were asked for; "
                "ask for fewer epochs"
            )

    def learning_rate(self, base: float, epoch: int) -> float:
        """Return the cosine schedule's learning rate in ``epoch`` (from 1).

        Raises:
            SpecError: If ``epoch`` is beyond the horizon, where the cosine would rise again.
        """
        self.check_epochs(epoch)
        cosine = (1 + math.cos(math.pi * (epoch - 1) / self.horizon)) / 2
        return self.lr_floor + (base - self.lr_floor) * cosine


@cache
def get_recipe(name: str) -> Recipe:
    """Return the recipe called ``name``.

    Raises:
        SpecError: If there is no such recipe.
    """
    folder = resources.files("nepsbench.training") / "recipes"
    names = sorted(file.name.removesuffix(".yaml") for file in folder.iterdir())
    if name not in names:
        raise SpecError(f"unknown recipe {name!r}; there are: {', '.join(names)}")
    return Recipe.model_validate(yaml.safe_load((folder / f"{name}.yaml").read_text()))
