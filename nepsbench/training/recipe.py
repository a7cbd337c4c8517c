"""Training recipes: how every trial of a benchmark is trained, as data.

``recipes/<name>.yaml`` holds a published pipeline. A value is given there, or named as
``$Parameter``: then the configuration of each trial holds it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field

from nepsbench.boundary import Section
from nepsbench.errors import SpecError
from nepsbench.spaces import Configuration

#: The name of a parameter of the configuration, behind a dollar sign.
Reference = Annotated[str, Field(pattern=r"^\$\w+$")]


class SGDSettings(Section):
    """Settings of stochastic gradient descent."""

    kind: Literal["sgd"]
    momentum: float = Field(ge=0, lt=1)
    nesterov: bool


class AdamWSettings(Section):
    """Settings of AdamW."""

    kind: Literal["adamw"]
    betas: tuple[float, float]
    eps: float = Field(gt=0)


OptimizerSettings = Annotated[SGDSettings | AdamWSettings, Field(discriminator="kind")]


class CosineSchedule(Section):
    """Half a cosine from the base rate down to ``floor`` at the horizon.

    ``by``: the rate changes with every epoch, or with every step.
    """

    kind: Literal["cosine"]
    floor: float = Field(ge=0)
    by: Literal["epoch", "step"] = "epoch"

    def rate(self, base: float, done: float, horizon: int) -> float:
        """Return the rate after ``done`` epochs of ``horizon``."""
        cosine = (1 + math.cos(math.pi * done / horizon)) / 2
        return self.floor + (base - self.floor) * cosine


class Augmentation(Section):
    """What is done to training images, in the order of the fields.

    Attributes:
        trivial_augment: One random operation of TrivialAugment for each image.
        flip: Mirror half of the images.
        crop_padding: Pixels around an image before it is cropped, at Resolution 1.
    """

    trivial_augment: bool | Reference = False
    flip: bool = False
    crop_padding: int = Field(default=0, ge=0)


class Recipe(Section):
    """How every trial of a benchmark is trained.

    Attributes:
        name: Its file's name.
        version: Raised with every change that changes a result.
        horizon: Epochs that the schedule is made for; a shorter training is a prefix of a longer.
        batch_size: For training and evaluation.
        learning_rate: At the schedule's start.
        weight_decay: As the optimiser defines it.
        resolution: Height and width of images in shares of the dataset's.
        optimizer: Which of ``optimizers``.
        optimizers: Settings by name.
        schedule: Of the learning rate.
        augmentation: Of training images.
        threads: Threads of torch; sums depend on it, so it belongs to the recipe.
    """

    name: str
    version: int
    horizon: int = Field(gt=0)
    batch_size: Annotated[int, Field(gt=1)] | Reference
    learning_rate: Annotated[float, Field(gt=0)] | Reference
    weight_decay: Annotated[float, Field(ge=0)] | Reference
    resolution: Annotated[float, Field(gt=0)] | Reference = 1.0
    optimizer: str
    optimizers: dict[str, OptimizerSettings]
    schedule: CosineSchedule
    augmentation: Augmentation
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

    def settings(self, configuration: Configuration) -> Settings:
        """Return the recipe for one trial, its references replaced by what they name.

        Raises:
            SpecError: If the configuration lacks a parameter that the recipe names.
        """

        def value(given: Any) -> Any:
            return _looked_up(given, configuration, recipe=self.label)

        return Settings(
            recipe=self,
            batch_size=int(value(self.batch_size)),
            learning_rate=float(value(self.learning_rate)),
            weight_decay=float(value(self.weight_decay)),
            resolution=float(value(self.resolution)),
            optimizer=self.optimizers[value(self.optimizer)],
            trivial_augment=bool(value(self.augmentation.trivial_augment)),
        )


@dataclass(frozen=True)
class Settings:
    """A recipe as one trial is trained by it; for the attributes see :class:`Recipe`."""

    recipe: Recipe
    batch_size: int
    learning_rate: float
    weight_decay: float
    resolution: float
    optimizer: SGDSettings | AdamWSettings
    trivial_augment: bool

    def rate(self, epoch: int, share: float = 0.0) -> float:
        """Return the learning rate in ``epoch`` (from 1), of which ``share`` (0 to 1) is done.

        Raises:
            SpecError: If ``epoch`` is beyond the horizon, where a cosine would rise again.
        """
        self.recipe.check_epochs(epoch)
        schedule = self.recipe.schedule
        done = epoch - 1 + (share if schedule.by == "step" else 0.0)
        return schedule.rate(self.learning_rate, done, self.recipe.horizon)


def _looked_up(given: Any, configuration: Mapping[str, Any], *, recipe: str) -> Any:
    if not (isinstance(given, str) and given.startswith("$")):
        return given
    name = given[1:]
    if name not in configuration:
        raise SpecError(
            f"recipe {recipe}: takes {name} from the configuration, which has only "
            f"{', '.join(configuration)}; choose a recipe that fits the space"
        )
    return configuration[name]


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
