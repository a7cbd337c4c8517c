from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from warehouse_results import BENCHMARK, SPACE

from nepsbench.errors import ConflictError, CorruptedFileError, InvalidResultError
from nepsbench.journal import JournalWriter
from nepsbench.schema import EPOCH_METRICS
from nepsbench.warehouse import Warehouse
from nepsbench.warehouse.collect import tables_from_journals

Record = dict[str, Any]


def epoch(model_idx: int, number: int, **changes: float | None) -> Record:
    metrics = {metric.name: float(number) for metric in EPOCH_METRICS} | changes
    return {
        "kind": "epoch", "taskid": 0, "model_idx": model_idx, "epoch": number, "metrics": metrics,
    }  # fmt: skip


def trial(model_idx: int, epochs: int, target: int, status: str = "complete") -> Record:
    return {
        "kind": "trial", "taskid": 0, "model_idx": model_idx, "status": status, "reason": None,
        "epochs": epochs, "target_epochs": target, "params": 0.5, "flops": 1.5,
        "host": f"node{target}", "started": "2026-01-01T01:00:00+01:00",
        "ended": f"2026-01-01T00:{target:02d}:00+00:00",
    }  # fmt: skip


def profile(trials: int = 2) -> pa.Table:
    columns: dict[str, Any] = {
        "taskid": [0] * trials,
        "model_idx": list(range(1, trials + 1)),
        "seed": list(range(7, 7 + trials)),
        "cpus": [1] * trials,
    }
    return pa.table(columns | {name: [SPACE.defaults[name]] * trials for name in SPACE.names})


def journal(path: Path, *records: Record) -> Path:
    with JournalWriter(path) as writer:
        for record in records:
            writer.append(record)
    return path


def collect(*journals: Path, trials: int = 2) -> tuple[pa.Table, pa.Table]:
    return tables_from_journals(
        "p", profile(trials), journals, space="nepsbench101", dataset="digits"
    )


def test_every_trial_of_the_profile_has_a_row_and_records_fill_it(tmp_path: Path) -> None:
    first = journal(tmp_path / "a", epoch(1, 1), epoch(1, 2), trial(1, 2, 2))

    trials, epochs = collect(first)

    one, two = trials.to_pylist()
    assert (one["status"], one["epochs"], one["host"], one["seed"]) == ("complete", 2, "node2", 7)
    assert str(one["started"]) == "2026-01-01 00:00:00"
    assert one["config_id"] == SPACE.config_id(SPACE.defaults)
    assert one["TrivialAugment"] is False
    assert (two["status"], two["epochs"], two["host"]) == ("pending", 0, None)
    assert epochs["epoch"].to_pylist() == [1, 2]


def test_of_an_epoch_trained_twice_the_later_line_counts(tmp_path: Path) -> None:
    path = journal(tmp_path / "a", epoch(1, 1), epoch(1, 1, runtime=9.0), trial(1, 1, 1))

    _, epochs = collect(path)

    assert epochs["runtime"].to_pylist() == [9.0]


def test_an_epoch_with_two_losses_is_refused_with_key_column_and_values(tmp_path: Path) -> None:
    path = journal(tmp_path / "a", epoch(1, 1), epoch(1, 1, valid_loss=1.5))

    with pytest.raises(
        ConflictError, match=r"taskid 0, model_idx 1, epoch 1: valid_loss is 1.0 .*1.5"
    ):
        collect(path)


def test_a_trial_whose_worker_was_killed_is_running(tmp_path: Path) -> None:
    path = journal(tmp_path / "a", epoch(1, 1), trial(1, 1, 1), epoch(1, 2))

    trials, _ = collect(path)

    assert trials["status"].to_pylist() == ["running", "pending"]
    assert trials["epochs"].to_pylist() == [2, 0]


def test_the_farthest_trial_record_counts_whatever_the_order(tmp_path: Path) -> None:
    later = journal(tmp_path / "a", epoch(1, 2), trial(1, 2, 2))
    earlier = journal(tmp_path / "b", epoch(1, 1), trial(1, 1, 1))

    trials, _ = collect(later, earlier)

    assert trials["host"].to_pylist() == ["node2", None]


def test_a_missing_metric_stays_missing(tmp_path: Path) -> None:
    path = journal(tmp_path / "a", epoch(1, 1, test_loss=None), trial(1, 1, 1, "diverged"))

    _, epochs = collect(path)

    assert epochs["test_loss"].to_pylist() == [None]


def test_a_record_of_a_trial_outside_the_profile_is_refused(tmp_path: Path) -> None:
    path = journal(tmp_path / "a", epoch(9, 1))

    with pytest.raises(InvalidResultError, match="model_idx 9, which profile p did not draw"):
        collect(path)


def test_an_unknown_metric_is_refused_by_name(tmp_path: Path) -> None:
    path = journal(tmp_path / "a", epoch(1, 1, valid_f1=0.5))

    with pytest.raises(InvalidResultError, match="valid_f1"):
        collect(path)


def test_a_damaged_line_is_refused_with_its_number(tmp_path: Path) -> None:
    path = journal(tmp_path / "a", epoch(1, 1), epoch(1, 2))
    path.write_bytes(path.read_bytes().replace(b'"epoch":1', b'"epoch":3', 1))

    with pytest.raises(CorruptedFileError, match="line 1"):
        collect(path)


def test_collecting_half_way_and_again_adds_only_what_is_new(
    tmp_path: Path, warehouse: Warehouse
) -> None:
    path = journal(tmp_path / "a", epoch(1, 1), trial(1, 1, 2, "timeout"))
    warehouse.ingest(BENCHMARK, *collect(path))
    journal(path, epoch(1, 2), trial(1, 2, 2))

    report = warehouse.ingest(BENCHMARK, *collect(path))

    assert (report.trials_updated, report.epochs_added, report.epochs_unchanged) == (1, 1, 1)
    assert not warehouse.ingest(BENCHMARK, *collect(path)).changed
    assert warehouse.check().errors == ()
