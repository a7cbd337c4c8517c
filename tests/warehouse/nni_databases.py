"""NNI's databases as peewee 3 makes them of NNI 3.0's models: same tables, columns and indexes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

_REAL, _MAYBE = "REAL NOT NULL", "REAL"
_SPLITS = ("train", "valid", "test", "ori_test")

#: Tables by benchmark: configuration, trial, epoch; columns and their types. ``id`` is first.
SCHEMAS: dict[str, tuple[dict[str, str], dict[str, str], dict[str, str]]] = {
    "nb101": (
        {
            "arch": "JSON NOT NULL",
            "num_vertices": "INTEGER NOT NULL",
            "hash": "VARCHAR(64) NOT NULL",
            "num_epochs": "INTEGER NOT NULL",
        },
        dict.fromkeys(("train_acc", "valid_acc", "test_acc", "parameters", "training_time"), _REAL),
        dict.fromkeys(("train_acc", "valid_acc", "test_acc", "training_time"), _REAL),
    ),
    "nb201": (
        {
            "arch": "JSON NOT NULL",
            "num_epochs": "INTEGER NOT NULL",
            "num_channels": "INTEGER NOT NULL",
            "num_cells": "INTEGER NOT NULL",
            "dataset": "VARCHAR(20) NOT NULL",
        },
        {
            "seed": "INTEGER NOT NULL",
            **{f"{split}_acc": _REAL for split in _SPLITS},
            **{f"{split}_loss": _MAYBE for split in _SPLITS},
            **dict.fromkeys(("parameters", "latency", "flops", "training_time"), _REAL),
            **{f"{split}_evaluation_time": _REAL for split in _SPLITS[1:]},
        },
        {f"{split}_{what}": _MAYBE for what in ("acc", "loss") for split in _SPLITS},
    ),
    "nds": (
        {
            "model_family": "VARCHAR(20) NOT NULL",
            "model_spec": "JSON NOT NULL",
            "cell_spec": "JSON",
            "dataset": "VARCHAR(15) NOT NULL",
            "generator": "VARCHAR(15) NOT NULL",
            "proposer": "VARCHAR(15) NOT NULL",
            "base_lr": _REAL,
            "weight_decay": _REAL,
            "num_epochs": "INTEGER NOT NULL",
        },
        {
            "seed": "INTEGER NOT NULL",
            "final_train_acc": _REAL,
            "final_train_loss": _MAYBE,
            "final_test_acc": _REAL,
            "best_train_acc": _REAL,
            "best_train_loss": _MAYBE,
            "best_test_acc": _REAL,
            "parameters": _REAL,
            "flops": _REAL,
            "iter_time": _REAL,
        },
        {"train_loss": _MAYBE, "train_acc": _REAL, "test_acc": _REAL},
    ),
    "nlp": (
        {"arch": "JSON NOT NULL", "dataset": "VARCHAR(15) NOT NULL"},
        dict.fromkeys(("train_loss", "val_loss", "test_loss", "training_time"), _MAYBE),
        dict.fromkeys(("train_loss", "val_loss", "test_loss", "training_time"), _MAYBE),
    ),
}

Row = Mapping[str, Any]


def write(path: Path, prefix: str, trials: Sequence[tuple[Row, Row, Mapping[int, Row]]]) -> Path:
    """Write a database of trials: configuration, numbers, and numbers by epoch."""
    configuration, trial, epoch = SCHEMAS[prefix]
    names = [f"{prefix}{kind}" for kind in ("trialconfig", "trialstats", "intermediatestats")]
    with closing(sqlite3.connect(path)) as connection, connection:
        _create(connection, names[0], configuration)
        _create(connection, names[1], trial, parent=("config_id", names[0]))
        _create(connection, names[2], epoch, parent=("trial_id", names[1]),
                more={"current_epoch": "INTEGER NOT NULL"})  # fmt: skip
        known: dict[str, int] = {}
        for told, numbers, curve in trials:
            text = {name: _sorted_json(value) for name, value in told.items()}
            key = repr(text)
            if key not in known:
                known[key] = _insert(connection, names[0], text)
            number = _insert(connection, names[1], {"config_id": known[key], **numbers})
            for current, values in curve.items():
                row = {"trial_id": number, "current_epoch": current, **values}
                _insert(connection, names[2], row)
    return path


def _sorted_json(value: Any) -> Any:
    return json.dumps(value, sort_keys=True) if isinstance(value, dict) else value


def _create(
    connection: sqlite3.Connection,
    name: str,
    columns: Mapping[str, str],
    *,
    parent: tuple[str, str] | None = None,
    more: Mapping[str, str] | None = None,
) -> None:
    lines = ['"id" INTEGER NOT NULL PRIMARY KEY']
    indexed = []
    if parent:
        lines.append(f'"{parent[0]}" INTEGER NOT NULL')
        indexed.append(parent[0])
    lines += [f'"{column}" {kind}' for column, kind in {**(more or {}), **columns}.items()]
    indexed += [*(more or {})]
    if parent:
        lines.append(f'FOREIGN KEY ("{parent[0]}") REFERENCES "{parent[1]}" ("id")')
    else:
        indexed += [*columns]
    connection.execute(f'CREATE TABLE "{name}" ({", ".join(lines)})')
    for column in indexed:
        connection.execute(f'CREATE INDEX "{name}_{column}" ON "{name}" ("{column}")')


def _insert(connection: sqlite3.Connection, name: str, row: Row) -> int:
    columns = ", ".join(f'"{column}"' for column in row)
    marks = ", ".join("?" for _ in row)
    cursor = connection.execute(
        f'INSERT INTO "{name}" ({columns}) VALUES ({marks})', [*row.values()]
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid
