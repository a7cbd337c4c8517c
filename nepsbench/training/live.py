"""Training on demand: the same numbers as a worker's, without its files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nepsbench.datasets.opening import open_dataset
from nepsbench.spaces import Scalar, get_space
from nepsbench.training.arithmetic import exact_arithmetic
from nepsbench.training.loop import Metrics, initial_state, train_epochs
from nepsbench.training.recipe import get_recipe
from nepsbench.training.trial_data import prepare_trial_data


def train_live(
    configuration: Mapping[str, Scalar],
    *,
    space: str,
    dataset: str,
    datasets_root: Path,
    epochs: int,
    seed: int,
    recipe: str,
) -> list[Metrics]:
    """Return the metrics of each epoch, as a worker would journal them, with ``epoch`` added.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
        DatasetError: If the dataset is not prepared below ``datasets_root``.
        DivergedError: If a training loss or a weight is not finite.
        SpecError: If ``epochs`` is beyond the recipe's horizon.
    """
    valid = get_space(space).validate(configuration)
    opened, terms = open_dataset(dataset, datasets_root), get_recipe(recipe)
    with exact_arithmetic(terms):
        settings = terms.settings(valid)
        data = prepare_trial_data(opened, settings)
        state = initial_state(space, valid, data.problem, settings=settings, seed=seed)
        curve = train_epochs(state, data, settings=settings, seed=seed, until=epochs)
        return [{"epoch": epoch, **metrics} for epoch, metrics in enumerate(curve, start=1)]
