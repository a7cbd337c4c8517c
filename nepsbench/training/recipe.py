"""Training recipes: how every trial of a benchmark is trained, as data.

``recipes/<name>.yaml`` holds a published pipeline. A value is given there, or named as
``$Parameter``: then the configuration of each trial holds it. A file may list several horizons and
variants, each a recipe of its own, and what is different on single datasets.
"""

from __future__ import annotations

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
from nepsbench.training.recipe_terms import (
    ArchitectureSettings,
    Augmentation,
    BatchNorm,
    Normalisation,
    OptimizerSettings,
    Positive,
    Reference,
    Schedule,
    SGDSettings,
)


class Recipe(Section):
    """How every trial of a benchmark is trained.

    Attributes:
        name: Its file's, then the variant, then the horizon if it is not the longest.
        version: Raised with every change that changes a result.
        horizons: Epochs that the schedule may be made for.
        horizon: The chosen one; a shorter training is a prefix of a longer.
        batch_size: For training and evaluation.
        learning_rate: At the schedule's start.
        weight_decay: As the optimiser defines it, on all weights.
        resolution: Height and width of images in shares of the dataset's.
        optimizer: Which of ``optimizers``.
        optimizers: Settings by name.
        schedule: Of the learning rate.
        summed_loss: True if the published loss is the sum over a batch. Ours is the mean, so the
            rate is multiplied by the batch size, and the decay divided by it: the same steps.
        clip_norm: Most that the norm of all gradients may be; None for any.
        augmentation: Of training images.
        normalisation: Constants of pixels; None for the dataset's own.
        batch_norm: Constants of batch normalisation; None for the network's own.
        initialisation: How weights are drawn; see ``initialisation``.
        architecture: How an architecture is searched; None where networks have theirs.
        threads: Threads of torch; sums depend on it, so it belongs to the recipe.
        ignores: Training parameters of spaces that have no say here.
        datasets: What is different on single datasets, as values of a recipe.
        only_datasets: True if it is for no others.
    """

    name: str
    version: int
    horizons: tuple[Annotated[int, Field(gt=0)], ...]
    horizon: int = Field(gt=0)
    batch_size: Annotated[int, Field(gt=1)] | Reference
    learning_rate: Positive | Reference
    weight_decay: Annotated[float, Field(ge=0)] | Reference
    resolution: Positive | Reference = 1.0
    optimizer: str
    optimizers: dict[str, OptimizerSettings]
    schedule: Schedule
    summed_loss: bool = False
    clip_norm: Positive | None = None
    augmentation: Augmentation = Augmentation()
    normalisation: Normalisation | None = None
    batch_norm: BatchNorm | None = None
    initialisation: Literal["network", "tensorflow", "fan_out"] = "network"
    architecture: ArchitectureSettings | None = None
    threads: int = Field(gt=0)
    ignores: tuple[str, ...] = ()
    datasets: dict[str, dict[str, Any]] = Field(default_factory=dict)
    only_datasets: bool = False

    @property
    def label(self) -> str:
        """Name and version as they stand in the tables."""
        return f"{self.name}/{self.version}"

    @property
    def reads(self) -> frozenset[str]:
        """The parameters of a configuration that the recipe takes values from."""
        return frozenset(_references(self.model_dump(exclude={"ignores"})))

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

    def on(self, dataset: str) -> Recipe:
        """Return the recipe as it is on a dataset.

        Raises:
            SpecError: If it is not for that dataset.
        """
        if dataset in self.datasets:
            own = self.model_dump(exclude={"datasets"})
            return Recipe.model_validate(_merged(own, self.datasets[dataset]))
        if self.only_datasets:
            raise SpecError(
                f"recipe {self.name} is not for dataset {dataset}; "
                f"it is for: {', '.join(self.datasets)}"
            )
        return self

    def settings(self, configuration: Configuration, dataset: str = "") -> Settings:
        """Return the recipe for one trial, its references replaced by what they name.

        Args:
            configuration: The trial's.
            dataset: Its name; a recipe may be another on another dataset.

        Raises:
            SpecError: If the configuration lacks a parameter that the recipe names, or the recipe
                is not for the dataset.
        """
        recipe = self.on(dataset)

        def value(given: Any) -> Any:
            return _looked_up(given, configuration, recipe=self.label)

        optimizer = recipe.optimizers[value(recipe.optimizer)]
        if isinstance(optimizer, SGDSettings):
            optimizer = optimizer.model_copy(update={"momentum": float(value(optimizer.momentum))})
        batch_size = int(value(recipe.batch_size))
        scale = batch_size if recipe.summed_loss else 1
        return Settings(
            recipe=recipe,
            batch_size=batch_size,
            learning_rate=float(value(recipe.learning_rate)) * scale,
            weight_decay=float(value(recipe.weight_decay)) / scale,
            resolution=float(value(recipe.resolution)),
            optimizer=optimizer,
            trivial_augment=bool(value(recipe.augmentation.trivial_augment)),
            architecture_rate=(
                0.0 if recipe.architecture is None else float(value(recipe.architecture.rate))
            ),
        )


@dataclass(frozen=True)
class Settings:
    """A recipe as one trial is trained by it; for the attributes see :class:`Recipe`."""

    recipe: Recipe
    batch_size: int
    learning_rate: float
    weight_decay: float
    resolution: float
    optimizer: OptimizerSettings
    trivial_augment: bool
    architecture_rate: float = 0.0

    def rate(self, epoch: int, share: float = 0.0) -> float:
        """Return the learning rate in ``epoch`` (from 1), of which ``share`` (0 to 1) is done.

        Raises:
            SpecError: If ``epoch`` is beyond the horizon, where a cosine would rise again.
        """
        self.recipe.check_epochs(epoch)
        schedule = self.recipe.schedule
        done = epoch - 1 + (share if schedule.by == "step" else 0.0)
        return schedule.rate(self.learning_rate, done, self.recipe.horizon)


def recipe_files() -> tuple[str, ...]:
    """Return the names of the recipes' files, without ending."""
    folder = resources.files("nepsbench.training") / "recipes"
    return tuple(sorted(file.name.removesuffix(".yaml") for file in folder.iterdir()))


def recipe_names() -> tuple[str, ...]:
    """Return the names of all recipes, file by file, the variants behind, long horizons first."""
    return tuple(_contents())


@cache
def get_recipe(name: str) -> Recipe:
    """Return the recipe called ``name``.

    Args:
        name: Of a file, then a variant if one is meant, then a horizon if the longest is not meant:
            ``nasbench101``, ``nasbench101-36``, ``nasbench_pytorch-sgd``.

    Raises:
        SpecError: If there is no such recipe.
    """
    contents = _contents()
    stem, _, horizon = name.rpartition("-")
    own = stem if stem in contents and contents[stem]["horizon"] == _number(horizon) else name
    if own not in contents:
        raise SpecError(
            f"unknown recipe {name!r}; there are: {', '.join(recipe_files())}, each with variants "
            "and horizons (such as nasbench101-36) that docs/recipes.md lists"
        )
    recipe = Recipe.model_validate(contents[own])
    for dataset in recipe.datasets:
        recipe.on(dataset)
    return recipe


@cache
def _contents() -> dict[str, dict[str, Any]]:
    """Return what the files say of each recipe, by name."""
    folder = resources.files("nepsbench.training") / "recipes"
    found = {}
    for file in recipe_files():
        content = yaml.safe_load((folder / f"{file}.yaml").read_text())
        variants = content.pop("variants", {})
        for variant, changes in {"": {}, **variants}.items():
            base = f"{file}-{variant}" if variant else file
            longest, *shorter = sorted(content["horizons"], reverse=True)
            for horizon in (longest, *shorter):
                name = base if horizon == longest else f"{base}-{horizon}"
                own = {"name": name, "horizon": horizon}
                found[name] = {**_merged(content, changes), **own}
    return found


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


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


def _references(value: Any) -> set[str]:
    """Return the names behind dollar signs anywhere in a value."""
    if isinstance(value, str):
        return {value[1:]} if value.startswith("$") else set()
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, tuple | list):
        return set()
    return set().union(*map(_references, value))


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``changes`` laid over it, section by section."""
    both = dict(base)
    for key, value in changes.items():
        old = both.get(key)
        nested = isinstance(old, Mapping) and isinstance(value, Mapping)
        both[key] = _merged(old, value) if nested else value  # type: ignore[arg-type]
    return both
