"""Training on demand, without a release: ``nepsbench.train`` and ``nepsbench.open_trial``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, overload

from nepsbench.client.batch import Order, Terms, Trained, train_orders
from nepsbench.client.benchmark import Query
from nepsbench.client.notations import configuration_of
from nepsbench.errors import NepsbenchError
from nepsbench.release.verification import cache_directory
from nepsbench.spaces import get_space

if TYPE_CHECKING:
    from nepsbench.training.live import LiveTrial


@overload
def train(
    query: list[Query],
    *,
    space: str,
    dataset: str,
    epochs: int,
    recipe: str | None = None,
    seed: int = 0,
    datasets: str | Path | None = None,
    checkpoints: str | Path | None = None,
    processes: int = 1,
    progress: bool = False,
) -> list[Trained]: ...


@overload
def train(
    query: Query,
    *,
    space: str,
    dataset: str,
    epochs: int,
    recipe: str | None = None,
    seed: int = 0,
    datasets: str | Path | None = None,
    checkpoints: str | Path | None = None,
    processes: int = 1,
    progress: bool = False,
) -> Trained: ...


def train(
    query: Query,
    *,
    space: str,
    dataset: str,
    epochs: int,
    recipe: str | None = None,
    seed: int = 0,
    datasets: str | Path | None = None,
    checkpoints: str | Path | None = None,
    processes: int = 1,
    progress: bool = False,
) -> Trained | list[Trained]:
    """Train a configuration, or a list of them, as a worker on a cluster would, to the same bits.

    Args:
        query: A configuration, its number, or any notation that the space reads; a list is a batch.
        space: Name of the search space.
        dataset: Name of the dataset.
        epochs: The last epoch, at most the recipe's horizon.
        recipe: Name of the recipe; without it, the space's own.
        seed: Of initialisation, order of data and augmentation.
        datasets: Where prepared datasets are kept; default a folder in the user's cache.
        checkpoints: A folder that remembers trials: what was trained is not trained again.
        processes: Train so many of a batch at a time; a script that asks for more than one must
            have its calls below ``if __name__ == "__main__":``.
        progress: Show a bar with the time that is left, on standard error.

    Raises:
        InvalidConfigurationError: If a query stands for no configuration of the space.
        DatasetError: If there is no such dataset, or it cannot be had.
        SpecError: If the recipe is unknown, does not fit the space, or ends before ``epochs``.
    """
    terms = terms_of(space, dataset, recipe, datasets=datasets, checkpoints=checkpoints)
    queries = query if isinstance(query, list) else [query]
    known = get_space(space)
    orders = [Order(configuration_of(known, each), seed) for each in queries]
    found = dict(train_orders(orders, terms, epochs=epochs, processes=processes, progress=progress))
    results = [found[place] for place in range(len(orders))]
    return results if isinstance(query, list) else results[0]


def open_trial(
    query: Query,
    *,
    space: str,
    dataset: str,
    recipe: str | None = None,
    seed: int = 0,
    datasets: str | Path | None = None,
    checkpoints: str | Path | None = None,
) -> LiveTrial:
    """Return a trial that is trained bit by bit: ``trial.train(3)``, later ``trial.train(9)``.

    Args and errors: see :func:`train`. Without ``checkpoints`` it lives in memory.
    """
    terms = terms_of(space, dataset, recipe, datasets=datasets, checkpoints=checkpoints)
    from nepsbench.training.live import LiveTrial

    configuration = configuration_of(get_space(space), query)
    return LiveTrial(terms.open(), configuration, seed=seed, folder=terms.checkpoints)


def terms_of(
    space: str,
    dataset: str,
    recipe: str | None,
    *,
    datasets: str | Path | None,
    checkpoints: str | Path | None,
) -> Terms:
    """Return the terms of trainings, with defaults for what is None.

    Raises:
        NepsbenchError: If training is not installed; the error carries the command.
    """
    require_training()
    return Terms(
        space=get_space(space).name,
        dataset=dataset,
        recipe=recipe or space,
        datasets=datasets_folder(datasets),
        checkpoints=Path(checkpoints) if checkpoints else None,
    )


def datasets_folder(chosen: str | Path | None) -> Path:
    """Return where prepared datasets are kept: ``chosen``, or a folder in the user's cache."""
    return Path(chosen) if chosen else cache_directory() / "datasets"


def require_training() -> None:
    """Say how to install training where it is not.

    Raises:
        NepsbenchError: If a part of it is missing.
    """
    try:
        import nepsbench.training.live  # noqa: F401
    except ImportError as error:
        raise NepsbenchError(
            f"{error.name} is not installed; run: pip install 'nepsbench[train]'"
        ) from None
