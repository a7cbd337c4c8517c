"""Logs are set aside and deleted, while who writes them goes on."""

from __future__ import annotations

import os
import time
from pathlib import Path

from include.platform.logs import KEPT, rotate
from include.platform.settings import Settings


def settings_in(folder: Path) -> Settings:
    return Settings.from_environment({"NEPSBENCH_STATE": str(folder)})


def test_a_large_log_is_set_aside_and_its_writer_goes_on(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    settings.logs.mkdir(parents=True)
    log = settings.logs / "mlflow.log"
    with log.open("ab") as service:
        service.write(b"x" * 100)
        service.flush()
        assert rotate(settings, most=1_000) == []
        assert rotate(settings, most=50) == [log]
        service.write(b"after")
        service.flush()
    assert log.read_bytes() == b"after"
    assert log.with_name("mlflow.log.1").read_bytes() == b"x" * 100


def test_so_many_are_kept(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    settings.logs.mkdir(parents=True)
    log = settings.logs / "mlflow.log"
    for number in range(KEPT + 3):
        log.write_text(f"{number}" * 10)
        rotate(settings, most=5)
    kept = sorted(path.name for path in settings.logs.iterdir())
    assert kept == ["mlflow.log", *(f"mlflow.log.{n}" for n in range(1, KEPT + 1))]
    assert log.with_name("mlflow.log.1").read_text() == f"{KEPT + 2}" * 10


def test_old_logs_of_tasks_go_and_new_ones_stay(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    old = settings.airflow / "logs" / "dag" / "run-1" / "log"
    new = settings.airflow / "logs" / "dag" / "run-2" / "log"
    for path in (old, new):
        path.parent.mkdir(parents=True)
        path.write_text("x")
    past = time.time() - 100 * 86_400
    os.utime(old, (past, past))
    assert rotate(settings) == [old]
    assert new.exists()
