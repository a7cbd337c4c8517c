"""A small benchmark with known values, made without training: what the tests of surrogate, release
and client build upon."""

from __future__ import annotations

import math
from datetime import datetime, timezone

import numpy as np
import pyarrow as pa

from nepsbench.schema import EPOCH_COLUMNS, TRIAL_COLUMNS
from nepsbench.spaces import Configuration, Space, get_space

SPACE = get_space("nepsbench101")
INFO = {"space": "nepsbench101", "dataset": "digits", "recipe": "nepsbench101"}
NAME = "nepsbench101-digits"

_TYPES = {
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
_STARTED = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


def configurations(count: int) -> list[Configuration]:
    """The first ``count`` draws of a stream."""
    words = np.random.Philox(7).random_raw(count * SPACE.words_per_draw)
    codes = SPACE.draw(words.reshape(count, SPACE.words_per_draw))
    return [SPACE.decode(row.tolist()) for row in codes]


def metrics_of(configuration: Configuration, epoch: int, seed: int = 0) -> dict[str, float]:
    """Smooth, bounded curves that depend on the configuration as real ones do."""
    convolutions = sum(configuration[f"Op{edge}"] in (2, 3) for edge in range(1, 7))
    distance = abs(math.log10(float(configuration["LearningRate"])) + 1.5)
    quality = 55 + 6 * convolutions + 2 * float(configuration["N"]) - 12 * distance
    accuracy = min(max(quality * (1 - math.exp(-epoch / 2)) + seed, 0.5), 99.5)
    seconds = 0.02 * float(configuration["N"]) * float(configuration["W"])
    return {
        "valid_acc": accuracy,
        "test_acc": accuracy - 0.25,
        "valid_loss": 2.4 * (1 - accuracy / 100),
        "train_duration": seconds,
        "runtime": 1.5 * seconds * epoch,
        "lr": float(configuration["LearningRate"]) * 0.5 * (1 + math.cos(math.pi * epoch / 200)),
    }


def trial(configuration: Configuration, model_idx: int, **changes: object) -> dict[str, object]:
    """A row of ``trials``: complete after 4 epochs, unless ``changes`` say otherwise."""
    row: dict[str, object] = dict.fromkeys(column.name for column in TRIAL_COLUMNS)
    row |= {"origin": "trained", "horizon": 200}
    row |= {"profile": "tiny", "taskid": 0, "model_idx": model_idx, "seed": 0}
    row |= {"config_id": SPACE.config_id(configuration), "status": "complete", "epochs": 4}
    row |= {"target_epochs": 4, "params": 0.01 * float(configuration["W"]), "flops": 2.5}
    row |= {"space": "nepsbench101", "space_version": 1, "dataset": "digits"}
    row |= {"recipe": "nepsbench101/2", "started": _STARTED, "ended": _STARTED}
    return {**row, **configuration, **changes}


def epochs_of(row: dict[str, object]) -> list[dict[str, object]]:
    """The rows of ``epochs`` of a trial."""
    configuration = {name: row[name] for name in SPACE.names}
    key = {name: row[name] for name in ("profile", "taskid", "model_idx")}
    return [
        {**key, "epoch": epoch, **metrics_of(configuration, epoch, row["seed"])}
        for epoch in range(1, row["epochs"] + 1)
    ]


def trials_table(rows: list[dict[str, object]], space: Space = SPACE) -> pa.Table:
    """Rows of ``trials`` as a table of the schema's types."""
    types = {column.name: _TYPES[column.type] for column in TRIAL_COLUMNS}
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in types.items()}
    parameters = {name: pa.array([row[name] for row in rows]) for name in space.names}
    return pa.table({**columns, **parameters})


def epochs_table(rows: list[dict[str, object]]) -> pa.Table:
    """Rows of ``epochs`` as a table of the schema's types."""
    types = {column.name: _TYPES[column.type] for column in EPOCH_COLUMNS}
    return pa.table(
        {name: pa.array([row.get(name) for row in rows], kind) for name, kind in types.items()}
    )


def plain_tables(count: int, epochs: int = 4) -> tuple[pa.Table, pa.Table]:
    """``count`` complete trials of different configurations."""
    rows = [
        trial(configuration, index, epochs=epochs, target_epochs=epochs)
        for index, configuration in enumerate(configurations(count), start=1)
    ]
    return trials_table(rows), epochs_table([row for each in rows for row in epochs_of(each)])


def odd_tables() -> tuple[pa.Table, pa.Table]:
    """Eight trials of seven configurations, with everything that can be odd about a trial.

    Configuration 0 is trained with seeds 0 and 3; 1 diverged after epoch 2; 2 failed before its
    first epoch; 3 lacks ``test_acc`` in epoch 4; 4 lacks epoch 2; 5 and 6 are plain.
    """
    c = configurations(7)
    rows = [
        trial(c[0], 1),
        trial(c[0], 2, seed=3),
        trial(c[1], 3, status="diverged", reason="train_loss is NaN in epoch 3", epochs=2),
        trial(c[2], 4, status="failed", reason="RuntimeError: no memory", epochs=0),
        *(trial(c[place], place + 2) for place in (3, 4, 5, 6)),
    ]
    epochs = [row for each in rows for row in epochs_of(each)]
    epochs = [row for row in epochs if (row["model_idx"], row["epoch"]) != (6, 2)]
    for row in epochs:
        if (row["model_idx"], row["epoch"]) == (5, 4):
            row["test_acc"] = None
    return trials_table(rows), epochs_table(epochs)
