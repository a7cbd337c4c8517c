"""``python -m benchmarks.rank_cells``: train a good cell and a bad one, and draw their curves.

Which cell is good and which bad says NAS-Bench-201's table: its best on CIFAR-10, and the one that
19 of 20 cells beat. Both are trained by the recipe of nepsbench101 on the 10,000 real CIFAR-10
images in ``$NEPSBENCH_SHARED_DATA``. Writes ``docs/pictures/good-and-bad-cell.svg``.
"""

from __future__ import annotations

import csv
import gzip
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.figure import ROOT
from nepsbench.datasets import prepare
from nepsbench.spaces import nepsbench101
from nepsbench.training.live import train_live

PICTURE = ROOT / "docs/pictures/good-and-bad-cell.svg"
_EPOCHS = 30
_SEEDS = (1, 2)
_REST: dict[str, Any] = {"N": 1, "W": 8, "Resolution": 0.5, "LearningRate": 0.1}
_BEATEN_BY = 0.95


def main() -> int:
    """Train, draw, and tell; exit code 1 if the cells do not rank as the table ranks them."""
    data = Path(os.environ["NEPSBENCH_SHARED_DATA"])
    published = _published(data / "nasbench201/seeds_200ep.csv.gz")
    ranking = sorted(published, key=lambda text: published[text], reverse=True)
    chosen = {"good": ranking[0], "bad": ranking[int(_BEATEN_BY * len(ranking))]}
    with tempfile.TemporaryDirectory() as folder:
        prepare("cifar10", Path(folder), source=data / "cifar10_jpeg")
        curves = {name: _curves(text, Path(folder)) for name, text in chosen.items()}
    last = {name: statistics.mean(curve[-1] for curve in found) for name, found in curves.items()}
    for name, text in chosen.items():
        print(f"{name}: {text}; table {published[text]:.2f} %, here {last[name]:.2f} %")
    _draw(curves, chosen, published)
    return 0 if last["good"] > last["bad"] else 1


def _published(path: Path) -> dict[str, float]:
    """Return the mean validation accuracy of each cell on CIFAR-10 after 200 epochs."""
    with gzip.open(path, "rt") as file:
        rows = [row for row in csv.DictReader(file) if row["dataset"] == "cifar10"]
    return {row["arch_str"]: _mean(row) for row in rows}


def _mean(row: dict[str, str]) -> float:
    seeds = (row[f"val_acc_seed{number}"] for number in range(3))
    return statistics.mean(float(value) for value in seeds if value)


def _curves(text: str, datasets: Path) -> list[list[float]]:
    """Return the validation accuracy by epoch, for each seed."""
    curves = []
    for seed in _SEEDS:
        curve = train_live(
            nepsbench101.from_arch_str(text, **_REST),
            space="nepsbench101",
            dataset="cifar10",
            datasets_root=datasets,
            epochs=_EPOCHS,
            seed=seed,
            recipe="nepsbench101",
        )
        curves.append([row["valid_acc"] for row in curve])
    return curves


def _draw(
    curves: dict[str, list[list[float]]], chosen: dict[str, str], published: dict[str, float]
) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "nepsbench", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 3.4), layout="constrained")
    for (name, found), colour in zip(curves.items(), ("#1b6ca8", "#c0392b"), strict=True):
        for number, curve in enumerate(found):
            label = (
                f"{name} cell; {published[chosen[name]]:.1f} % in the table" if not number else None
            )
            axes.plot(range(1, _EPOCHS + 1), curve, color=colour, label=label)
    axes.set_xlabel("epoch")
    axes.set_ylabel("validation accuracy, %")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    sys.exit(main())
