"""Many trainings: one after another, or several processes at a time."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from nepsbench.client.benchmark import Answer
from nepsbench.client.training_bar import Report, training_bar
from nepsbench.errors import NepsbenchError
from nepsbench.schema import Status
from nepsbench.spaces import Configuration

if TYPE_CHECKING:
    from nepsbench.training.live import LiveTerms

#: Seconds between two looks at what the processes say.
_LOOK = 0.2


@dataclass(frozen=True)
class Order:
    """A training that is asked for: a configuration of the space, and a seed."""

    configuration: Configuration
    seed: int


@dataclass(frozen=True)
class Trained:
    """What became of one configuration.

    Attributes:
        configuration: As its space validates it.
        config_id: The 16 hex digits that name it in every table.
        seed: Its training seed.
        status: ``complete``, ``diverged``, ``oom`` or ``failed``, as a worker would say.
        reason: Why it is not complete.
        curve: The metrics of every epoch that was done, by epoch, from 1.
    """

    configuration: Configuration
    config_id: str
    seed: int
    status: str
    reason: str | None
    curve: dict[int, Answer]

    @property
    def last(self) -> Answer:
        """The metrics of the last epoch; empty if none was done."""
        return self.curve[max(self.curve)] if self.curve else {}


@dataclass(frozen=True)
class Terms:
    """What all trainings of a batch share.

    Attributes:
        space: Name of the space.
        dataset: Name of the dataset.
        recipe: Name of the recipe.
        datasets: Holds prepared datasets.
        checkpoints: Keeps trials, or None.
    """

    space: str
    dataset: str
    recipe: str
    datasets: Path
    checkpoints: Path | None

    def open(self) -> LiveTerms:
        """Return them with the dataset in memory, prepared now if it is not."""
        from nepsbench.datasets import prepare
        from nepsbench.training.live import open_terms

        prepare(self.dataset, self.datasets)
        return open_terms(
            space=self.space,
            dataset=self.dataset,
            datasets_root=self.datasets,
            recipe=self.recipe,
        )


def train_orders(
    orders: Sequence[Order],
    terms: Terms,
    *,
    epochs: int,
    processes: int = 1,
    progress: bool = False,
) -> Iterator[tuple[int, Trained]]:
    """Yield the place of an order and what became of it, as they end; equal ones train once.

    Args:
        orders: What to train.
        terms: What they share.
        epochs: The last epoch of each.
        processes: Train so many at a time, each in a process of its own if more than one.
        progress: Show a bar.

    Raises:
        NepsbenchError: If the terms do not fit, or a process was killed.
    """
    from nepsbench.training.recipe import get_recipe

    get_recipe(terms.recipe).check_epochs(epochs)
    places: dict[tuple[object, ...], list[int]] = {}
    for place, order in enumerate(orders):
        places.setdefault((order.seed, *order.configuration.values()), []).append(place)
    distinct = [orders[equal[0]] for equal in places.values()]
    train = _one_by_one if min(processes, len(distinct)) <= 1 else _side_by_side(processes)
    with training_bar(len(distinct), epochs, shown=progress) as report:
        for number, trained in train(distinct, terms, epochs, report):
            report(number, epochs)
            for place in list(places.values())[number]:
                yield place, trained


def _one_by_one(
    orders: Sequence[Order], terms: Terms, epochs: int, report: Report
) -> Iterator[tuple[int, Trained]]:
    opened = terms.open()
    for number, order in enumerate(orders):
        tell = partial(report, number)
        yield number, _train(opened, order, terms.checkpoints, epochs, tell)


def _train(
    terms: LiveTerms,
    order: Order,
    checkpoints: Path | None,
    epochs: int,
    report: Callable[[float], None],
) -> Trained:
    """Train one; what ends only this one becomes its status, as in a worker."""
    from nepsbench.training.divergence import DivergedError
    from nepsbench.training.live import LiveTrial
    from nepsbench.training.trial import outcome_of_error

    trial = LiveTrial(terms, order.configuration, seed=order.seed, folder=checkpoints)
    status, reason = Status.COMPLETE, None
    try:
        trial.train(epochs, report=report)
    except Exception as error:
        if isinstance(error, NepsbenchError) and not isinstance(error, DivergedError):
            raise
        status, reason = outcome_of_error(error)
    return Trained(
        configuration=trial.configuration,
        config_id=terms.space.config_id(trial.configuration),
        seed=order.seed,
        status=status.value,
        reason=reason,
        curve={epoch: row for epoch, row in trial.curve.items() if epoch <= epochs},
    )


def _side_by_side(processes: int) -> Callable[..., Iterator[tuple[int, Trained]]]:
    return partial(_in_processes, processes=processes)


def _in_processes(
    orders: Sequence[Order], terms: Terms, epochs: int, report: Report, *, processes: int
) -> Iterator[tuple[int, Trained]]:
    """Train in fresh processes: torch must not be forked, and each sets its own threads."""
    terms.open()  # prepares the dataset once, before all of them would
    context = multiprocessing.get_context("spawn")
    said = context.SimpleQueue()
    pool = ProcessPoolExecutor(
        min(processes, len(orders)), context, initializer=_begin, initargs=(terms, said)
    )
    try:
        futures = {
            pool.submit(_train_there, number, order, epochs): number
            for number, order in enumerate(orders)
        }
        pending: set[Future[Trained]] = set(futures)
        while pending:
            done, pending = wait(pending, timeout=_LOOK, return_when=FIRST_COMPLETED)
            while not said.empty():
                report(*said.get())
            for future in done:
                yield futures[future], future.result()
    except BrokenProcessPool:
        raise NepsbenchError(
            "a training process was killed; it may need more memory than there is: use fewer "
            "processes (with checkpoints, the finished epochs are kept)"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


_here: dict[str, Any] = {}


def _begin(terms: Terms, said: Any) -> None:
    """Make this process ready; Ctrl-C, which reaches all of them, ends it without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _here.update(terms=terms, opened=terms.open(), said=said)


def _train_there(number: int, order: Order, epochs: int) -> Trained:
    last = -_LOOK

    def tell(done: float) -> None:
        nonlocal last
        if monotonic() - last >= _LOOK:
            last = monotonic()
            _here["said"].put((number, done))

    return _train(_here["opened"], order, _here["terms"].checkpoints, epochs, tell)
