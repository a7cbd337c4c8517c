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
import torch.nn.functional as F
from torch import Tensor, nn

from nepsbench.errors import NepsbenchError
from nepsbench.spaces import Configuration
from nepsbench.spaces.networks import build_network
from nepsbench.training.randomness import derived_seed
from nepsbench.training.recipe import Recipe
from nepsbench.training.trial_data import Batch, TrialData
from nepsbench.training.usage import UsageMeter

Metrics = dict[str, float]


class DivergedError(NepsbenchError):
    """A training loss or a weight became infinite or no number."""


class Interrupted(Exception):  # noqa: N818 - no error: somebody asked for it
    """The epoch in flight was abandoned."""


@dataclass
class TrainingState:
    """What changes while a trial is trained; with the trial itself, all that a checkpoint holds.

    Attributes:
        network: Its weights and running averages.
        optimizer: Its moments.
        epoch: The last epoch that is done.
        runtime: Wall time of the trial up to the end of that epoch: set-up, training, evaluation,
            and what was done with earlier epochs (journal, checkpoint), since plans need it whole.
        counted: When ``runtime`` was last brought up to date, on this process's clock.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    runtime: float = 0.0
    counted: float = field(default_factory=perf_counter)


def initial_state(
    space: str,
    configuration: Configuration,
    *,
    channels: int,
    classes: int,
    recipe: Recipe,
    seed: int,
) -> TrainingState:
    """Return the state before epoch 1; the weights derive from ``seed`` alone."""
    start = perf_counter()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed, "initialisation"))
        network = build_network(space, configuration, in_channels=channels, classes=classes)
    return TrainingState(network, _optimizer(network, configuration, recipe), counted=start)


def train_epochs(
    state: TrainingState,
    data: TrialData,
    *,
    recipe: Recipe,
    configuration: Configuration,
    seed: int,
    until: int,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Metrics]:
    """Train ``state`` up to epoch ``until``; yield each epoch's metrics once it is done.

    Args:
        state: Of the last epoch that is done; changed in place.
        data: What to train and evaluate on.
        recipe: Same for every trial.
        configuration: Gives the base learning rate.
        seed: The trial's, for data order and augmentation.
        until: The last epoch to train.
        stopped: Asked before each batch.

    Raises:
        DivergedError: If a training loss or a weight is not finite.
        SpecError: If ``until`` is beyond the recipe's horizon.
        Interrupted: If ``stopped`` said yes. After either, ``state`` is of no more use.
    """
    recipe.check_epochs(until)
    base = float(configuration["LearningRate"])
    usage = UsageMeter()
    while state.epoch < until:
        epoch = state.epoch + 1
        lr = recipe.learning_rate(base, epoch)
        for group in state.optimizer.param_groups:
            group["lr"] = lr
        batches = data.training_batches(recipe, seed=seed, epoch=epoch)
        metrics = _train(state, batches, stopped)
        for name, split in (("valid", data.valid), ("test", data.test)):
            metrics |= _evaluate(
                name, state.network, data.evaluation_batches(split, recipe), stopped
            )
        if "valid_loss" not in metrics or "test_loss" not in metrics:
            _refuse_divergence(state.network, epoch)
        state.epoch = epoch
        state.counted, state.runtime = _lap(state.counted, state.runtime)
        forward = metrics["valid_forward_duration"] + metrics["test_forward_duration"]
        metrics["latency"] = forward / (len(data.valid) + len(data.test))
        yield metrics | {"lr": lr, "runtime": state.runtime} | usage.read()


def _train(state: TrainingState, batches: Iterator[Batch], stopped: Callable[[], bool]) -> Metrics:
    state.network.train()
    loss_sum, correct, seen = torch.zeros((), dtype=torch.float64), torch.zeros(()).long(), 0
    loading = forward = backprop = 0.0
    start = mark = perf_counter()
    for images, labels in batches:
        if stopped():
            raise Interrupted
        mark, loading = _lap(mark, loading)
        logits = state.network(images)
        loss = F.cross_entropy(logits, labels)
        mark, forward = _lap(mark, forward)
        if not math.isfinite(loss.item()):
            raise DivergedError(f"epoch {state.epoch + 1}: train loss is {loss.item()}")
        state.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        state.optimizer.step()
        mark, backprop = _lap(mark, backprop)
        loss_sum += loss.detach() * len(labels)
        correct += (logits.detach().argmax(1) == labels).sum()
        seen += len(labels)
        mark = perf_counter()
    return _pass_metrics("train", loss_sum, correct, seen=seen) | {
        "train_duration": perf_counter() - start,
        "train_data_load_duration": loading,
        "train_forward_duration": forward,
        "train_backprop_duration": backprop,
    }


@torch.inference_mode()
def _evaluate(
    split: str, network: nn.Module, batches: Iterator[Batch], stopped: Callable[[], bool]
) -> Metrics:
    network.eval()
    loss_sum, correct, seen = torch.zeros((), dtype=torch.float64), torch.zeros(()).long(), 0
    loading = forward = 0.0
    start = mark = perf_counter()
    for images, labels in batches:
        if stopped():
            raise Interrupted
        mark, loading = _lap(mark, loading)
        logits = network(images)
        mark, forward = _lap(mark, forward)
        loss_sum += F.cross_entropy(logits, labels, reduction="sum")
        correct += (logits.argmax(1) == labels).sum()
        seen += len(labels)
        mark = perf_counter()
    return _pass_metrics(split, loss_sum, correct, seen=seen) | {
        f"{split}_duration": perf_counter() - start,
        f"{split}_data_load_duration": loading,
        f"{split}_forward_duration": forward,
    }


def _lap(mark: float, total: float) -> tuple[float, float]:
    """Return now, and ``total`` plus the seconds since ``mark``."""
    now = perf_counter()
    return now, total + now - mark


def _pass_metrics(split: str, loss_sum: Tensor, correct: Tensor, *, seen: int) -> Metrics:
    """Return mean loss and accuracy; neither where the loss is not finite."""
    if not math.isfinite(loss_sum.item()):
        return {}
    return {
        f"{split}_loss": loss_sum.item() / seen,
        f"{split}_acc": 100.0 * correct.item() / seen,
    }


def _refuse_divergence(network: nn.Module, epoch: int) -> None:
    for name, weights in network.named_parameters():
        if not weights.isfinite().all():
            raise DivergedError(f"epoch {epoch}: the weights {name} are not finite after it")


def _optimizer(
    network: nn.Module, configuration: Configuration, recipe: Recipe
) -> torch.optim.Optimizer:
    lr, decay = float(configuration["LearningRate"]), float(configuration["WeightDecay"])
    if configuration["Optimizer"] == "SGD":
        return torch.optim.SGD(
            network.parameters(),
            lr=lr,
            weight_decay=decay,
            momentum=recipe.sgd.momentum,
            nesterov=recipe.sgd.nesterov,
        )
    return torch.optim.AdamW(
        network.parameters(),
        lr=lr,
        weight_decay=decay,
        betas=recipe.adamw.betas,
        eps=recipe.adamw.eps,
    )
