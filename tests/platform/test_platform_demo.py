import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from include.platform import services
from include.platform.airflow_api import TaskState
from include.platform.demo import demo_form, demo_settings, run_id_of
from include.platform.errors import PlatformError
from include.platform.ports import Ports
from include.platform.run_view import RunView
from include.platform.settings import Settings
from nepsbench.campaign.form import Campaign


def state_of(name: str, state: str | None, *, map_index: int = -1) -> TaskState:
    return TaskState(name, map_index, state, duration=1.5, try_number=1, started=None)


def test_the_demo_asks_for_what_the_form_allows() -> None:
    campaign = Campaign.model_validate(demo_form("local"))
    assert campaign.streams * campaign.samples >= 60
    assert campaign.streams >= 4
    assert campaign.waves == (3, 12)


def test_the_same_values_give_the_same_run_and_others_another() -> None:
    assert run_id_of(demo_form("local")) == run_id_of(demo_form("local"))
    assert run_id_of(demo_form("local")) != run_id_of({**demo_form("local"), "release": "1.0.1"})


def test_another_cluster_has_its_own_home_and_campaign(settings: Settings) -> None:
    assert demo_settings(settings, "local") == settings
    assert demo_settings(settings, "dev-slurm").home == settings.home / "dev-slurm"
    assert "name" not in demo_form("local")
    assert demo_form("dev-slurm")["name"] == "demo-dev-slurm"
    assert run_id_of(demo_form("local")) != run_id_of(demo_form("dev-slurm"))


def test_away_from_a_terminal_each_change_is_one_line() -> None:
    output = io.StringIO()
    with RunView(Console(file=output, width=80)) as view:
        view.show([state_of("train", None, map_index=0)], "")
        view.show([state_of("train", "running", map_index=0)], "3 of 64 trials")
        view.show([state_of("train", "running", map_index=0)], "3 of 64 trials")
        view.show([state_of("train", "success", map_index=0), state_of("x", "skipped")], "")
    lines = [line.split("  ")[-1] for line in output.getvalue().splitlines()]
    assert lines == ["train[0]: running", "3 of 64 trials", "train[0]: done in 1.5 s"]


def test_on_a_terminal_all_stages_are_shown_together() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=80, color_system=None)
    with RunView(console) as view:
        view.show([state_of("plan", "success"), state_of("train", "deferred")], "3 of 64 trials")
    shown = output.getvalue()
    assert "plan" in shown
    assert "on the cluster" in shown
    assert "3 of 64 trials" in shown


def test_the_fingerprint_changes_with_the_settings(settings: Settings) -> None:
    platform = services.Platform(settings, Ports())
    elsewhere = services.Platform(replace(settings, home=settings.home / "x"), Ports())
    first = services.fingerprint(platform)
    assert services.fingerprint(platform) == first
    assert services.fingerprint(elsewhere) != first
    settings.slurm.mkdir()
    settings.dev_slurm.write_text("export AIRFLOW_CONN_DEV_SLURM='{}'\n")
    assert services.fingerprint(platform) != first


def test_a_failure_shows_the_end_of_the_log(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "airflow"
    broken.write_text("#!/bin/sh\necho the reason >&2\nexit 1\n")
    broken.chmod(0o755)
    (tmp_path / "mlflow").write_text("#!/bin/sh\nsleep 60\n")
    (tmp_path / "mlflow").chmod(0o755)
    monkeypatch.setattr(services, "BIN", tmp_path)
    with pytest.raises(PlatformError, match=r"(?s)airflow-db failed; see .*the reason"):
        services.up(settings, say=lambda _: None)
    assert all(state.pid is None for state in services.status(settings))
