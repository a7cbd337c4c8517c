"""The bar of a wave: counted from journals, drawn on a screen alone."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import rich.console
from small_campaign import CAMPAIGN, cluster_at

from nepsbench.campaign import wave
from nepsbench.campaign.run import run_campaign
from nepsbench.campaign.wave_bar import wave_bar

pytestmark = pytest.mark.whole


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is drawn on a screen of 120 columns."""
    drawn, real = io.StringIO(), rich.console.Console

    def console(**_: object) -> rich.console.Console:
        return real(file=drawn, force_terminal=True, width=120)

    monkeypatch.setattr(rich.console, "Console", console)
    return drawn


def test_the_bar_shows_trials_epochs_and_the_time_left(whole: Path, screen: io.StringIO) -> None:
    with cluster_at(whole / "cluster") as cluster:
        plan = wave.current_plan(CAMPAIGN, 2, whole)
        with wave_bar(plan, cluster, before=1, shown=True) as move:
            move()
    assert "wave 2: 4 of 4 trials" in screen.getvalue()
    assert "4.0 of 4 epochs" in screen.getvalue()
    assert "left" in screen.getvalue()


def test_no_bar_asks_the_cluster_nothing(
    whole: Path, screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cluster_at(whole / "cluster") as cluster:
        plan = wave.current_plan(CAMPAIGN, 2, whole)
        monkeypatch.setattr(type(cluster), "run", None)
        with wave_bar(plan, cluster, before=1, shown=False) as move:
            move()
    assert "wave" not in screen.getvalue()


def test_a_campaign_draws_it_while_its_jobs_run(tmp_path: Path, screen: io.StringIO) -> None:
    small = CAMPAIGN.model_copy(update={"waves": (1,)})
    with cluster_at(tmp_path / "cluster") as cluster:
        run_campaign(small, tmp_path, cluster, say=lambda _: None, bar=True)
    assert "wave 1: 4 of 4 trials" in screen.getvalue()
