"""How fast training is, beside the least that its arithmetic takes, and beside the usual loop.

All of it is one thread's work, so its CPU seconds count: what else the machine does is left out.
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import Any

from benchmarks import own_loop
from benchmarks.figure import Figure

_BATCH = 256
#: A cell that holds every operation.
_CELL = {"Op1": 2, "Op2": 4, "Op3": 1, "Op4": 3, "Op5": 0, "Op6": 2}
_SHAPES = [(n, w, size) for n in (1, 5) for w in (4, 16) for size in (32, 16, 8)]
_ROUNDS = 9
_SAMPLED = 20
#: The bound takes at least nine tenths of the loop's time.
_OF_BOUND = 1 / 0.9
_OF_USUAL = 1 / 1.5


def figures() -> list[Figure]:
    return [
        Figure(
            name=f"train-bound{suffix}",
            title=f"Train nepsbench101 {words} TrivialAugment (N 1 and 5, W 4 and 16, 32x32, 16x16 "
            "and 8x8): the loop's seconds over those of forward, backward and step alone, on "
            "ready tensors in the better layout, median of nine rounds; images/s of both and "
            "the share of the bound",
            command=("-m", "benchmarks.bench_training", "bound", suffix),
            bounds={"worst loop / bound": _OF_BOUND},
            runs=1,
        )
        for suffix, words in (("", "without"), ("-ta", "with"))
    ] + [
        Figure(
            name="train-usual",
            title=f"Train {_SAMPLED} sampled configurations of nepsbench101 on CIFAR-10: the "
            "loop's seconds over those of the usual one (image by image with Pillow, torch's "
            "layers, all operations), geometric mean",
            command=("-m", "benchmarks.bench_training", "usual", ""),
            bounds={"loop / usual": _OF_USUAL},
            runs=1,
        ),
    ]


def measure_bound(suffix: str) -> None:
    reported: dict[str, Any] = {}
    worst = 0.0
    for depth, width, size in _SHAPES:
        changes = {"N": depth, "W": width, "Resolution": size / 32, **_CELL}
        rounds = _loop_and_bound({**changes, "TrivialAugment": bool(suffix)})
        loop, bound = (1 / statistics.median(times) for times in zip(*rounds, strict=True))
        ratio = statistics.median(of_loop / of_bound for of_loop, of_bound in rounds)
        worst = max(worst, ratio)
        name = f"N{depth} W{width} {size}x{size}"
        reported[name] = f"{loop:,.0f} of {bound:,.0f}: {1 / ratio:.3f}"
        print(name, reported[name], file=sys.stderr, flush=True)
    print(json.dumps({"worst loop / bound": worst, **reported}))


def _loop_and_bound(changes: dict[str, Any]) -> list[tuple[float, float]]:
    """Return seconds an image of the loop and of its arithmetic, round by round."""
    import torch

    from nepsbench.training.arithmetic import exact_arithmetic

    configuration = {**_space().defaults, **changes}
    with exact_arithmetic(_recipe()):
        work = configuration["N"] * configuration["W"] * configuration["Resolution"] ** 2
        batches = min(32, max(2, int(16 / work)))
        loop = _epochs(configuration, batches=batches)
        layouts = (torch.channels_last, torch.contiguous_format)
        arithmetic = min(
            (_steps(configuration, layout, batches=batches) for layout in layouts),
            key=lambda run: run(),
        )
        next(loop)
        images = batches * _BATCH
        return [(next(loop) / images, arithmetic() / images) for _ in range(_ROUNDS)]


def _epochs(configuration: dict[str, Any], *, batches: int) -> Iterator[float]:
    """Return the seconds of each epoch's training, whatever belongs to it."""
    from nepsbench.training.trial_data import prepare_trial_data

    settings = _recipe().settings(configuration)
    data = prepare_trial_data(_dataset(batches * _BATCH), settings)
    return own_loop.train("nepsbench101", configuration, data, seed=1, until=200)[1]


def _steps(configuration: dict[str, Any], layout: Any, *, batches: int) -> Callable[[], float]:
    """Return a function that takes steps on a ready batch and returns the seconds."""
    import torch
    import torch.nn.functional as F

    from nepsbench.spaces.networks import Problem
    from nepsbench.training.loop import initial_state

    settings = _recipe().settings(configuration)
    size = int(32 * configuration["Resolution"])
    problem = Problem((3, size, size), 10)
    state = initial_state("nepsbench101", configuration, problem, settings=settings, seed=1)
    network, optimizer = state.network.to(memory_format=layout), state.optimizer  # type: ignore[call-overload]
    inputs = torch.randn(_BATCH, *problem.shape).to(memory_format=layout)
    targets = torch.randint(10, (_BATCH,))

    def run() -> float:
        network.train()
        start = time.process_time()
        for _ in range(batches):
            loss = F.cross_entropy(network(inputs), targets)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return time.process_time() - start

    run()
    return run


def measure_usual(_: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    ratios, ours, theirs = [], [], []
    with (
        ProcessPoolExecutor(1, mp_context=spawn) as own,
        ProcessPoolExecutor(1, mp_context=spawn) as usual,
    ):
        for number in range(_SAMPLED):
            rounds = [
                (
                    own.submit(_own_seconds, number).result(),
                    usual.submit(_usual_seconds, number).result(),
                )
                for _ in range(3)
            ]
            loop, reference = (statistics.median(times) for times in zip(*rounds, strict=True))
            ratios.append(loop / reference)
            ours.append(1 / loop)
            theirs.append(1 / reference)
            print(
                _sampled()[number],
                f"{ours[-1]:,.0f} {theirs[-1]:,.0f} {1 / ratios[-1]:.2f}",
                file=sys.stderr,
                flush=True,
            )
    mean = statistics.geometric_mean
    print(
        json.dumps(
            {
                "loop / usual": mean(ratios),
                "times as fast": mean(1 / ratio for ratio in ratios),
                "least": 1 / max(ratios),
                "most": 1 / min(ratios),
                "images/s": mean(ours),
                "images/s of the usual": mean(theirs),
            }
        )
    )


@cache
def _sampled() -> list[dict[str, Any]]:
    import numpy as np

    space = _space()
    words = np.random.Philox(7).random_raw(_SAMPLED * space.words_per_draw)
    codes = space.draw(words.reshape(_SAMPLED, space.words_per_draw))
    # A rate at which no network diverges: it has no part in the time.
    return [{**space.decode(tuple(row)), "LearningRate": 1e-3} for row in codes]


def _own_seconds(number: int) -> float:
    """Return seconds an image of an epoch; another one for warming up was before it."""
    return next(_own_state(number)) / (2 * _BATCH)


@cache
def _own_state(number: int) -> Iterator[float]:
    own_loop.enter_exact_arithmetic("nepsbench101")
    loop = _epochs(_sampled()[number], batches=2)
    next(loop)
    return loop


@cache
def _usual_state(number: int) -> Callable[[], float]:
    import torch

    from benchmarks.training_images import MEAN, STD
    from benchmarks.usual_loop import PillowImages, train, usual_network, usual_optimizer

    torch.set_num_threads(1)
    configuration = _sampled()[number]
    settings = _recipe().settings(configuration)
    images = PillowImages(_dataset(2 * _BATCH).train, settings, mean=MEAN, std=STD)
    network = usual_network(configuration)
    optimizer = usual_optimizer(network, configuration)

    def run() -> float:
        return train(network, optimizer, images, batch_size=_BATCH)

    run()
    return run


def _usual_seconds(number: int) -> float:
    return _usual_state(number)() / (2 * _BATCH)


@cache
def _dataset(count: int) -> Any:
    from benchmarks.training_images import dataset_of

    return dataset_of(count)


def _space() -> Any:
    from nepsbench.spaces import get_space

    return get_space("nepsbench101")


def _recipe() -> Any:
    from nepsbench.training.recipe import get_recipe

    return get_recipe("nepsbench101")


if __name__ == "__main__":
    {"bound": measure_bound, "usual": measure_usual}[sys.argv[1]](sys.argv[2])
