"""Small tables in the format of NATS-Bench, with drawn values and the published gaps."""

from __future__ import annotations

import bz2
import pickle
import random
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from nepsbench.spaces import FiniteSpace, nasbench201, nats_size

#: Seeds by dataset and schedule, as published; two of them are out of order in the files.
TOPOLOGY = {
    "12": {"cifar10-valid": [111, 777], "cifar10": [111], "cifar100": [111],
           "ImageNet16-120": [111]},
    "200": {name: [777, 888, 999]
            for name in ("cifar10-valid", "cifar10", "cifar100", "ImageNet16-120")},
}  # fmt: skip
SIZE = {hp: {name: [777] for name in TOPOLOGY["200"]} for hp in ("01", "12", "90")}
_SETS = {
    "cifar10-valid": ("x-valid", "ori-test"),
    "cifar10": ("ori-test",),
    "cifar100": ("ori-test", "x-valid", "x-test"),
    "ImageNet16-120": ("ori-test", "x-valid", "x-test"),
}
#: At 200 epochs these were measured after the last only.
_LAST_ONLY = {
    ("cifar10-valid", "ori-test"), ("cifar100", "x-valid"), ("cifar100", "x-test"),
    ("ImageNet16-120", "x-valid"), ("ImageNet16-120", "x-test"),
}  # fmt: skip


def result(
    name: str, seed: int, epochs: int, draw: random.Random, sets: tuple[str, ...]
) -> dict[str, Any]:
    """Return the record of one training."""

    def values(scale: float) -> dict[int, float]:
        return {epoch: draw.random() * scale for epoch in range(epochs)}

    measured = [
        f"{split}@{epoch}"
        for split in sets
        for epoch in range(epochs)
        if epochs < 200 or epoch == epochs - 1 or (name, split) not in _LAST_ONLY
    ]
    return {
        "name": name,
        "net_state_dict": None,
        "train_acc1es": values(100),
        "train_acc5es": values(100) if epochs < 200 else None,
        "train_losses": values(3),
        "train_times": OrderedDict.fromkeys(range(epochs), draw.random() * 20),
        "arch_config": {"channel": 16, "num_cells": 5, "class_num": 10},
        "params": np.float64(len(name) / 10 + draw.random() / 1e7),
        "flop": len(name) * 1.1,
        "seed": f"{seed:04d}",
        "epochs": epochs,
        "latency": [np.float64(draw.random() / 60), draw.random() / 60],
        "eval_names": list(sets),
        "eval_acc1es": {key: draw.random() * 100 for key in measured},
        "eval_losses": {key: draw.random() * 3 for key in measured},
        "eval_times": {
            f"{split}@{epoch}": draw.random() for split in sets for epoch in range(epochs)
        },
    }


def entry(
    number: int,
    space: FiniteSpace = nasbench201.SPACE,
    trained: dict[str, dict[str, list[int]]] = TOPOLOGY,
    sets: dict[str, tuple[str, ...]] = _SETS,
) -> OrderedDict[str, Any]:
    """Return the entry of a network."""
    draw = random.Random(number)
    return OrderedDict(
        (
            hp,
            {
                "arch_index": number,
                "arch_str": architecture(space, number),
                "all_results": {
                    (name, seed): result(name, seed, int(hp), draw, sets[name])
                    for name, seeds in datasets.items()
                    for seed in reversed(seeds)
                },
                "dataset_seed": datasets,
                "clear_net_done": True,
            },
        )
        for hp, datasets in trained.items()
    )


def architecture(space: FiniteSpace, number: int) -> str:
    """Return the published string of a number."""
    write = nats_size.to_channels_str if space is nats_size.SPACE else nasbench201.to_arch_str
    return write(space.at(number))


def table(entries: dict[int, Any], space: FiniteSpace = nasbench201.SPACE) -> dict[str, Any]:
    """Return a table of entries."""
    return {
        "meta_archs": [architecture(space, number) for number in range(space.size)],
        "total_archs": space.size,
        "arch2infos": entries,
        "evaluated_indexes": set(entries),
    }


def write_pickle(path: Path, value: Any, *, protocol: int = 4) -> Path:
    """Write a file as nats-bench does."""
    path.write_bytes(bz2.compress(pickle.dumps(value, protocol=protocol), 1))
    return path


def write_folder(path: Path, entries: dict[int, Any], meta: dict[str, Any]) -> Path:
    """Write a folder as nats-bench does."""
    path.mkdir()
    empty = {"arch2infos": None, "evaluated_indexes": set()}
    write_pickle(path / "meta.pickle.pbz2", {**meta, **empty})
    for number, content in entries.items():
        write_pickle(path / f"{number:06d}.pickle.pbz2", content)
    return path
