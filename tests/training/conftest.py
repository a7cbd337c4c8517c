"""A prepared dataset and jobs to train on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from training_jobs import Trial

from nepsbench.datasets import prepare
from nepsbench.training import live


@pytest.fixture(scope="session")
def datasets_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("datasets")
    prepare("digits", root)
    return root


@pytest.fixture
def make_job(tmp_path: Path, datasets_root: Path) -> Callable[..., Path]:
    """Return a function that writes a job folder; jobs share a campaign unless it is named."""

    def make(key: str, *portfolios: list[Trial], campaign: str = "c", **changes: Any) -> Path:
        folder = tmp_path / campaign / "jobs" / key
        folder.mkdir(parents=True)
        job = {
            "campaign": campaign,
            "benchmark": "nepsbench101-digits",
            "space": "nepsbench101",
            "dataset": "digits",
            "dataset_version": next((datasets_root / "digits").iterdir()).name,
            "recipe": "nepsbench101",
            "target_epochs": 4,
            "time_limit": 3600,
            "campaign_directory": str(tmp_path / campaign),
            "datasets_directory": str(datasets_root),
            **changes,
        }
        (folder / "job.json").write_text(json.dumps(job))
        lines = [json.dumps({"worker": k, "trials": t}) for k, t in enumerate(portfolios)]
        (folder / "portfolios.jsonl").write_text("\n".join(lines) + "\n")
        return folder

    return make


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Return the list of the spans that are really trained by a live trial: from, until."""
    spans: list[tuple[int, int]] = []
    true = live.train_epochs

    def train_epochs(state: Any, data: Any, **options: Any) -> Any:
        spans.append((state.epoch, options["until"]))
        return true(state, data, **options)

    monkeypatch.setattr(live, "train_epochs", train_epochs)
    return spans
