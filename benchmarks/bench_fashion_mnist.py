"""What three epochs of a configuration on the whole of Fashion-MNIST give, and take."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from benchmarks.figure import Figure

_EPOCHS = 3
_CHANGES = {"N": 1, "W": 8, "Resolution": 0.5, "Op1": 2, "Op4": 2, "Op6": 3, "LearningRate": 0.1}
_LEAST_ACCURACY = 80.0


def figures() -> list[Figure]:
    return [
        Figure(
            name="train-fashion-mnist",
            title="Train a configuration of nepsbench101 (N 1, W 8, 14x14) on the whole of "
            f"Fashion-MNIST for {_EPOCHS} epochs, 54,000 images each, and evaluate it on 6,000 and "
            "10,000 after each (`dataset-fashion-mnist` of Debian)",
            command=("-m", "benchmarks.bench_fashion_mnist"),
            bounds={"test error %": 100 - _LEAST_ACCURACY},
            runs=1,
        )
    ]


def main() -> None:
    from nepsbench.datasets import prepare
    from nepsbench.spaces import get_space
    from nepsbench.training.live import train_live

    with tempfile.TemporaryDirectory() as folder:
        record = prepare("fashion_mnist", Path(folder))
        start = time.perf_counter()
        curve = train_live(
            {**get_space("nepsbench101").defaults, **_CHANGES},
            space="nepsbench101",
            dataset="fashion_mnist",
            datasets_root=Path(folder),
            epochs=_EPOCHS,
            seed=1,
            recipe="nepsbench101",
        )
        seconds = time.perf_counter() - start
    last = curve[-1]
    trained = sum(row["train_duration"] for row in curve)
    reported = {
        "seconds": seconds,
        "test accuracy %": round(last["test_acc"], 2),
        "test error %": round(100 - last["test_acc"], 2),
        "valid accuracy % by epoch": ", ".join(f"{row['valid_acc']:.2f}" for row in curve),
        "images/s in training": round(_EPOCHS * record.sizes["train"] / trained),
    }
    print(json.dumps(reported))


if __name__ == "__main__":
    main()
