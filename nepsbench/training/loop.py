"""The training loop. Read it from top to bottom; there is nothing else.

What an epoch computes depends only on the state before it and on (seed, epoch), so it does not
matter when, where, or how often a trial was interrupted.

A trial diverges when a batch's training loss, or a weight, is not finite: nothing can be learned
from there on. An evaluation whose loss is not finite though the weights are (it overflowed; running
averages of batch normalisation can do that for some epochs) says nothing of the trial's future: the
epoch has neither loss nor accuracy of that split, and training goes on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter

import torch
from torch import Tensor, nn

from nepsbench.datasets.opening import SplitTensors
from nepsbench.spaces import Configuration
from nepsbench.spaces.networks import Problem, build_network
from nepsbench.spaces.networks.fitted import Fitted
from nepsbench.training.architect import Architect, new_architect
from nepsbench.training.divergence import DivergedError, refuse_divergence
from nepsbench.training.initialisation import make_ready
from nepsbench.training.objective import LossFunction, Meter, loss_function, new_meter
from nepsbench.training.optimizers import new_optimizer
from nepsbench.training.placement import place
from nepsbench.training.randomness import derived_seed, global_generator
from nepsbench.training.recipe import Settings
from nepsbench.training.trial_data import Batch, TrialData
from nepsbench.training.usage import UsageMeter

Metrics = dict[str, float]


class Interrupted(Exception):  # noqa: N818 - no error: somebody asked for it
    """The epoch in flight was abandoned."""


@dataclass
class TrainingState:
    """What changes while a trial is trained; with the trial itself, all that a checkpoint holds.

    Attributes:
        network: Its weights and running averages.
        optimizer: Its moments.
        architect: What moves its architecture; None where that is given.
        epoch: The last epoch that is done.
        runtime: Wall time of the trial up to the end of that epoch: set-up, training, evaluation,
            and what was done with earlier epochs (journal, checkpoint), since plans need it whole.
        counted: When ``runtime`` was last brought up to date, on this process's clock.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    architect: Architect | None = None
    epoch: int = 0
    runtime: float = 0.0
    counted: float = field(default_factory=perf_counter)


def initial_state(
    space: str,
    configuration: Configuration,
    problem: Problem,
    *,
    settings: Settings,
    seed: int,
) -> TrainingState:
    """Return the state before epoch 1; the weights derive from ``seed`` alone.

    Raises:
        SpecError: If the recipe does not fit the space's networks.
    """
    start = perf_counter()
    with global_generator(seed, "initialisation"):
        network = build_network(space, configuration, problem)
        make_ready(network, settings.recipe)
    network = place(network)
    optimizer, architect = new_optimizer(network, settings), new_architect(network, settings)
    return TrainingState(network, optimizer, architect, counted=start)


def train_epochs(
    state: TrainingState,
    data: TrialData,
    *,
    settings: Settings,
    seed: int,
    until: int,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Metrics]:
    """Train ``state`` up to epoch ``until``; yield each epoch's metrics once it is done.

    Args:
        state: Of the last epoch that is done; changed in place.
        data: What to train and evaluate on.
        settings: The recipe, for this trial.
        seed: The trial's, for data order and augmentation.
        until: The last epoch to train.
        stopped: Asked before each batch.

    Raises:
        DivergedError: If a training loss, a weight or an architecture is not finite.
        SpecError: If ``until`` is beyond the recipe's horizon.
        Interrupted: If ``stopped`` said yes. After either, ``state`` is of no more use.
    """
    settings.recipe.check_epochs(until)
    if state.architect is not None:
        data = data.mixed(seed)
    usage = UsageMeter()
    while state.epoch < until:
        epoch = state.epoch + 1
        lr = settings.rate(epoch)
        with global_generator(seed, "network", epoch):  # for dropout
            if isinstance(state.network, Fitted):
                metrics = _fit(state, data, seed=seed)
            else:
                metrics = _train(state, data, settings, seed=seed, stopped=stopped)
        valid = data.validation_batches(seed=seed, epoch=epoch)
        metrics |= _evaluate("valid", state.network, data, data.valid, valid, stopped)
        test = data.evaluation_batches(data.test)
        metrics |= _evaluate("test", state.network, data, data.test, test, stopped)
        if "valid_loss" not in metrics or "test_loss" not in metrics:
            weights = state.network.named_parameters()
            refuse_divergence(
                ((f"the weights {name}", each) for name, each in weights), epoch=epoch
            )
        state.epoch = epoch
        state.counted, state.runtime = _lap(state.counted, state.runtime)
        forward = metrics["valid_forward_duration"] + metrics["test_forward_duration"]
        metrics["latency"] = forward / (len(data.valid) + len(data.test))
        yield metrics | {"lr": lr, "runtime": state.runtime} | usage.read()


def _fit(state: TrainingState, data: TrialData, *, seed: int) -> Metrics:
    """Fit an epoch of a model without gradients to all training examples at once."""
    assert isinstance(state.network, Fitted)
    epoch, start = state.epoch + 1, perf_counter()
    state.network.train()
    batches = [*data.training_batches(seed=seed, epoch=epoch)]
    inputs, targets = (torch.cat(parts) for parts in zip(*batches, strict=True))
    loaded = perf_counter()
    of_epoch = derived_seed(seed, "fitting", epoch)
    state.network.fit_epoch(inputs, targets, loss=data.task.loss, seed=of_epoch)
    fitted, tally = perf_counter(), _Tally(data, data.train)
    outputs = state.network(inputs)
    tally.add(tally.loss(outputs, targets), outputs, targets)
    return tally.metrics("train") | {
        "train_duration": perf_counter() - start,
        "train_data_load_duration": loaded - start,
        "train_forward_duration": perf_counter() - fitted,
        "train_backprop_duration": fitted - loaded,
    }


def _train(
    state: TrainingState,
    data: TrialData,
    settings: Settings,
    *,
    seed: int,
    stopped: Callable[[], bool],
) -> Metrics:
    state.network.train()
    epoch, steps = state.epoch + 1, data.steps
    tally = _Tally(data, data.train)
    lessons = state.architect and state.architect.lessons(
        state.optimizer, data, settings, seed=seed, epoch=epoch
    )
    loading = forward = backprop = 0.0
    start = mark = perf_counter()
    for step, (inputs, targets) in enumerate(data.training_batches(seed=seed, epoch=epoch)):
        if stopped():
            raise Interrupted
        mark, loading = _lap(mark, loading)
        _set_rate(state.optimizer, settings.rate(epoch, step / steps))
        if lessons:
            lessons.teach((inputs, targets), done=step / steps)
            mark, backprop = _lap(mark, backprop)
        outputs = state.network(inputs)
        loss = tally.loss(outputs, targets)
        mark, forward = _lap(mark, forward)
        if not math.isfinite(loss.item()):
            raise DivergedError(f"epoch {epoch}: train loss is {loss.item()}")
        state.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        state.optimizer.step()
        mark, backprop = _lap(mark, backprop)
        tally.add(loss.detach(), outputs.detach(), targets)
        mark = perf_counter()
    return tally.metrics("train") | {
        "train_duration": perf_counter() - start,
        "train_data_load_duration": loading,
        "train_forward_duration": forward,
        "train_backprop_duration": backprop,
    }


@torch.inference_mode()
def _evaluate(
    name: str,
    network: nn.Module,
    data: TrialData,
    split: SplitTensors,
    batches: Iterator[Batch],
    stopped: Callable[[], bool],
) -> Metrics:
    network.eval()
    tally = _Tally(data, split)
    loading = forward = 0.0
    start = mark = perf_counter()
    for inputs, targets in batches:
        if stopped():
            raise Interrupted
        mark, loading = _lap(mark, loading)
        outputs = network(inputs)
        mark, forward = _lap(mark, forward)
        tally.add(tally.loss(outputs, targets), outputs, targets)
        mark = perf_counter()
    return tally.metrics(name) | {
        f"{name}_duration": perf_counter() - start,
        f"{name}_data_load_duration": loading,
        f"{name}_forward_duration": forward,
    }


class _Tally:
    """Sums up loss and metric of a pass over a split."""

    def __init__(self, data: TrialData, split: SplitTensors) -> None:
        self.loss: LossFunction = loss_function(data.task)
        self._meter: Meter = new_meter(data.task, groups=split.groups)
        self._metric = data.task.metric
        self._loss_sum = torch.zeros((), dtype=torch.float64)
        self._seen = 0

    def add(self, loss: Tensor, outputs: Tensor, targets: Tensor) -> None:
        """Take in a batch and the mean loss of its examples."""
        self._loss_sum = self._loss_sum + loss * len(targets)
        self._meter.add(outputs, targets)
        self._seen += len(targets)

    def metrics(self, split: str) -> Metrics:
        """Return mean loss and, where it is defined, metric; neither if the loss is not finite."""
        total = self._loss_sum.item()
        if not math.isfinite(total):
            return {}
        metric = self._meter.value()
        loss = {f"{split}_loss": total / self._seen}
        return loss if math.isnan(metric) else {**loss, f"{split}_{self._metric}": metric}


def _set_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = lr


def _lap(mark: float, total: float) -> tuple[float, float]:
    """Return now, and ``total`` plus the seconds since ``mark``."""
    now = perf_counter()
    return now, total + now - mark
