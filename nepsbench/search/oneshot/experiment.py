"""A search as an experiment: one method, dataset and seed, in a folder that remembers it.

After each epoch the folder holds a checkpoint, from which a later call goes on, and in the end what
was found. The same experiment is the same bits, whatever the interruptions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from nepsbench.datasets import about
from nepsbench.datasets.opening import open_dataset
from nepsbench.errors import SpecError, VersionMismatchError
from nepsbench.files import remove_leftovers, write_text
from nepsbench.provenance import code_version
from nepsbench.search.oneshot.loop import (
    Metrics,
    SearchState,
    derived_cell,
    initial_state,
    search_epochs,
)
from nepsbench.search.oneshot.methods import check_method
from nepsbench.search.oneshot.recipe import RECIPES, SearchRecipe
from nepsbench.spaces import get_space
from nepsbench.spaces.cells import to_arch_str
from nepsbench.spaces.problem import Problem, check_problem
from nepsbench.training.arithmetic import exact_arithmetic
from nepsbench.training.fit import fitting_recipe
from nepsbench.training.sealed import read_sealed, write_sealed
from nepsbench.training.trial_data import TrialData, prepare_trial_data

CHECKPOINT, FOUND = "search.pt", "found.json"
#: Is told each epoch and its metrics.
Report = Callable[[int, Metrics], None]


@dataclass(frozen=True)
class Experiment:
    """What is searched, how and on what.

    Attributes:
        method: One of :func:`~nepsbench.search.oneshot.methods.method_names`.
        dataset: Its name; images and labels.
        seed: Of everything.
        changes: Constants that differ from the method's published ones, see
            :class:`~nepsbench.search.oneshot.recipe.SearchRecipe`.
    """

    method: str
    dataset: str
    seed: int = 0
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def recipe(self) -> SearchRecipe:
        """The method's constants, with the changes.

        Raises:
            SpecError: If there is no such method or constant.
        """
        check_method(self.method)
        try:
            return replace(RECIPES[self.method], **self.changes)
        except TypeError as error:
            raise SpecError(f"one-shot search: {error}") from None


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        architecture: The cell in NAS-Bench-201's string.
        epochs: How many were searched.
        history: The metrics of each.
    """

    architecture: str
    epochs: int
    history: list[Metrics]


def run_experiment(
    experiment: Experiment,
    folder: Path,
    *,
    datasets: Path,
    epochs: int | None = None,
    report: Report | None = None,
) -> Found:
    """Search, or go on searching, and keep what is found.

    Args:
        experiment: What to search.
        folder: Where it is remembered; of this experiment alone.
        datasets: Folder of prepared datasets.
        epochs: The last epoch; the whole schedule without.
        report: Is told each epoch that is done.

    Raises:
        SpecError: If the method does not fit the dataset, or ``epochs`` is beyond the schedule.
        VersionMismatchError: If the folder is of another experiment or another code version.
        CorruptedFileError: If its checkpoint is damaged.
        DivergedError: If a loss is no number.
        StorageError: If the disk is full.
    """
    recipe = experiment.recipe
    until = recipe.epochs if epochs is None else epochs
    if until > recipe.epochs:
        raise SpecError(f"the schedule ends at epoch {recipe.epochs}, {until} were asked for")
    space = get_space("nasbench201")
    facts = about(experiment.dataset)
    check_problem(space.name, Problem(facts.shape, facts.task.outputs, facts.task.dense))
    training = fitting_recipe("nasbench201", space, experiment.dataset)
    settings = training.settings(space.defaults, experiment.dataset)
    data = prepare_trial_data(
        open_dataset(experiment.dataset, datasets), replace(settings, batch_size=recipe.batch_size)
    )
    with exact_arithmetic(training):
        state = initial_state(experiment.method, recipe, data.problem, seed=experiment.seed)
        history = _restore(folder / CHECKPOINT, state, experiment)
        for metrics in search_epochs(state, data, recipe, seed=experiment.seed, until=until):
            history.append(metrics)
            _keep(folder / CHECKPOINT, state, experiment, history)
            if report is not None:
                report(state.epoch, metrics)
        return _found(folder, state, data, experiment, history)


def _found(
    folder: Path,
    state: SearchState,
    data: TrialData,
    experiment: Experiment,
    history: list[Metrics],
) -> Found:
    cell = derived_cell(state, data, seed=experiment.seed)
    found = Found(to_arch_str(cell), state.epoch, history)
    content = {**_about(experiment), **asdict(found)}
    write_text(folder / FOUND, json.dumps(content, indent=1) + "\n")
    return found


def _about(experiment: Experiment) -> dict[str, Any]:
    """Return all that the bits of a search depend on, but for the dataset's version."""
    return {**asdict(experiment), "code_version": code_version()}


def _identity(experiment: Experiment) -> str:
    return json.dumps(_about(experiment), sort_keys=True)


def _keep(path: Path, state: SearchState, experiment: Experiment, history: list[Metrics]) -> None:
    content = {"identity": _identity(experiment), "history": history, **state.to_dict()}
    write_sealed(path, content)


def _restore(path: Path, state: SearchState, experiment: Experiment) -> list[Metrics]:
    """Put ``state`` where the folder's checkpoint says; returns the metrics so far."""
    remove_leftovers(path)
    try:
        content = read_sealed(
            path,
            damaged="no checkpoint of a search (its checksum differs); delete it, and the search "
            "begins anew",
        )
    except FileNotFoundError:
        return []
    identity = content["identity"]
    if identity != _identity(experiment):
        raise VersionMismatchError(
            f"{path}: of another search, or of another version of nepsbench ({identity}); choose "
            "another folder"
        )
    state.load(content)
    return list(content["history"])
