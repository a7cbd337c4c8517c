"""A search of its own, in a folder that remembers it: what ``nepsbench search oneshot`` does.

Many searches are a profile, as many trainings are; this is one, and the same bits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nepsbench.datasets import about
from nepsbench.errors import SpecError
from nepsbench.spaces import Configuration, Scalar, Space, get_space, space_names
from nepsbench.spaces.oneshot import PREFIX, published_epochs
from nepsbench.spaces.problem import Problem, check_problem
from nepsbench.training.live import LiveTrial, open_terms
from nepsbench.training.recipe import get_recipe

#: What is told of each epoch.
_TOLD = ("train_loss", "valid_loss", "valid_acc")
#: Is told each epoch that is done, and its metrics.
Report = Callable[[int, Mapping[str, float]], None]


@dataclass(frozen=True)
class Search:
    """What is searched, how and on what.

    Attributes:
        space: Of searches.
        configuration: The method, and the size of the supernet.
        dataset: Its name.
        recipe: With the schedule.
        seed: Of everything.
    """

    space: Space
    configuration: Configuration
    dataset: str
    recipe: str
    seed: int

    @classmethod
    def of(
        cls,
        searched: str,
        method: str,
        *,
        dataset: str,
        seed: int = 0,
        schedule: int | None = None,
        changes: Sequence[str] = (),
    ) -> Search:
        """Return a search.

        Args:
            searched: The space that architectures are found in.
            method: Which of its methods.
            dataset: What to search on.
            seed: Of everything.
            schedule: Its epochs; those of the publication without.
            changes: ``NAME=VALUE`` of parameters.

        Raises:
            SpecError: If there is no such search or schedule, or none for such a dataset.
            InvalidConfigurationError: If a parameter or its value is none of the space.
        """
        name = f"{PREFIX}{searched}"
        known = [each.removeprefix(PREFIX) for each in space_names() if each.startswith(PREFIX)]
        if searched not in known:
            raise SpecError(f"no searches of space {searched!r}; there are: {', '.join(known)}")
        space = get_space(name)
        changed = {space.parameter(key).name: v for key, v in read_changes(changes).items()}
        configuration = space.validate({**space.defaults, "Method": method, **changed})
        facts = about(dataset)
        check_problem(name, Problem(facts.shape, facts.task.outputs, facts.task.dense))
        horizon = published_epochs(name, method) if schedule is None else schedule
        recipe = get_recipe(name)
        if horizon not in recipe.horizons:
            there = ", ".join(map(str, sorted(recipe.horizons)))
            raise SpecError(f"--schedule {horizon}: there are schedules of {there} epochs")
        chosen = name if horizon == recipe.horizon else f"{name}-{horizon}"
        return cls(space, configuration, dataset, chosen, seed)

    def run(
        self,
        folder: Path,
        *,
        datasets: Path,
        epochs: int | None = None,
        report: Report | None = None,
    ) -> Found:
        """Search, or go on searching.

        Args:
            folder: Where the search is remembered.
            datasets: Folder of prepared datasets.
            epochs: The last epoch; the whole schedule without.
            report: Is told each epoch that is done.

        Raises:
            SpecError: If ``epochs`` is beyond the schedule.
            VersionMismatchError: If the folder is of another code version.
            CorruptedFileError: If its checkpoint is damaged.
            DivergedError: If a loss is no number.
            StorageError: If the disk is full, or another process works in the folder.
        """
        terms = open_terms(
            space=self.space.name, dataset=self.dataset, datasets_root=datasets, recipe=self.recipe
        )
        trial = LiveTrial(terms, self.configuration, seed=self.seed, folder=folder)
        until = terms.recipe.horizon if epochs is None else epochs
        terms.recipe.check_epochs(until)
        for epoch in range(trial.epoch + 1, until + 1):
            metrics = trial.train(epoch)[epoch]
            if report is not None:
                report(epoch, {name: metrics[name] for name in _TOLD if name in metrics})
        found = trial.found()
        return Found(found.space, found.configuration, trial.epoch)


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        space: Where the architecture lies.
        configuration: It.
        epochs: How many were searched.
    """

    space: str
    configuration: Configuration
    epochs: int

    @property
    def told(self) -> str:
        """The architecture in one line, in the notation of its space where there is one."""
        if self.space == "nasbench201":
            from nepsbench.spaces import nasbench201
            from nepsbench.spaces.cells import to_arch_str

            return to_arch_str(nasbench201.cell_of(self.configuration))
        return json.dumps(self.configuration, separators=(",", ":"))


def read_changes(changes: Sequence[str]) -> dict[str, Scalar]:
    """Return parameters and values of ``NAME=VALUE``.

    Raises:
        SpecError: If one is not written so.
    """
    found = {}
    for change in changes:
        key, given, text = change.partition("=")
        if not given:
            raise SpecError(f"--set {change}: write a parameter and its value: Width=8")
        found[key] = _scalar(text)
    return found


def _scalar(text: str) -> Scalar:
    """Return what a text means: a number if it is one."""
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() and "." not in text else number
