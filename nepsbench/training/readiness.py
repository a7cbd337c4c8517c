"""Whether a space can be trained on a dataset that is prepared: asked of its record alone."""

from __future__ import annotations

from nepsbench.datasets.record import DatasetRecord
from nepsbench.spaces import Space
from nepsbench.spaces.problem import Problem, check_problem
from nepsbench.training.fit import fitting_recipe
from nepsbench.training.trial_data import require_inputs


def check_ready(space: Space, recipe_name: str, record: DatasetRecord) -> None:
    """Refuse a recipe that changes images where there are none, and a network that does not fit.

    Raises:
        SpecError: If trials of the space cannot be trained on the dataset by the recipe.
    """
    recipe = fitting_recipe(recipe_name, space, record.name)
    require_inputs(recipe.on(record.name), record)
    check_problem(space.name, Problem(record.shape, record.task.outputs, record.task.dense))
