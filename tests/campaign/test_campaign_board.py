"""How campaigns stand, as numbers, as pages and on the command line: of campaigns that ran."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_campaign import CAMPAIGN
from typer.testing import CliRunner

from nepsbench.campaign import draw, wave
from nepsbench.campaign.board import expected_epochs, standing_of, standings
from nepsbench.campaign.board_page import Link, board_page, campaign_page
from nepsbench.campaign.form import parse_campaign
from nepsbench.cli.main import app
from nepsbench.errors import SpecError

pytestmark = pytest.mark.whole


def test_a_finished_campaign_is_done_and_its_hours_are_those_of_its_epochs(copy: Path) -> None:
    found = standing_of(CAMPAIGN.name, copy)
    assert (found.trials, found.done, found.running, found.failed, found.left) == (4, 4, 0, 0, 0)
    assert [(each.name, each.state) for each in found.stages] == [
        (name, "done") for name in ("profile", "initialize", "wave 1", "wave 2", "release")
    ]
    assert found.predicted == pytest.approx(found.hours)
    assert 0 < found.hours < 1
    assert not found.is_open
    assert found.release == copy / "releases" / CAMPAIGN.benchmark / "1.0.0"


def test_an_unfinished_wave_is_open_and_predicts_what_is_left(copy: Path) -> None:
    more = CAMPAIGN.model_copy(update={"waves": (1, 2, 6)})
    (copy / "campaigns" / CAMPAIGN.name / "campaign.json").write_text(more.model_dump_json())
    found = standing_of(CAMPAIGN.name, copy)
    assert (found.done, found.left) == (0, 4)
    assert found.predicted == pytest.approx(3 * found.hours)
    assert found.stages[-2].state == "waiting"
    (wave.current_plan(more, 2, copy).path / "settled").unlink()
    found = standing_of(CAMPAIGN.name, copy)
    assert found.is_open
    assert found.stages[3].detail == "jobs: 1 succeeded"  # it is not collected


def test_a_campaign_that_is_only_drawn_waits(copy: Path) -> None:
    other = parse_campaign({"first_stream": 30, "streams": 1, "samples": 3, "waves": "2,4"})
    draw.draw_profile(other, copy)
    names = [each.campaign.name for each in standings(copy)]
    assert names == [other.name, CAMPAIGN.name]  # the newest first
    found = standing_of(other.name, copy)
    assert (found.left, found.hours, found.predicted) == (3, 0.0, None)
    assert [each.state for each in found.stages] == ["done"] + 4 * ["waiting"]
    with pytest.raises(SpecError, match="none"):
        standing_of("none", copy)


def test_later_rungs_train_fewer() -> None:
    form = {"streams": 1, "samples": 16, "waves": "1,3,5"}
    assert expected_epochs(parse_campaign(form), 16) == 16 * 5
    assert expected_epochs(parse_campaign({**form, "promote": 4}), 16) == 16 + 4 * 2 + 1 * 2


def test_the_pages_show_it_and_lead_on(copy: Path) -> None:
    found = standing_of(CAMPAIGN.name, copy)
    board = board_page(
        [found], lambda name: {"page": Link(f"b/{name}", in_frame=True), "DAG run": Link("d?a&b")}
    )
    assert f'href="b/{CAMPAIGN.name}">' in board
    assert 'href="d?a&amp;b" target="_top">' in board
    assert "http-equiv" not in board
    text = campaign_page(found, copy, {"MLflow runs": Link("m")})
    assert "validation loss by epoch" in text
    for label in ("best tenth", "best quarter", "median"):
        assert text.count(f"<title>{label}</title></path>") == 1
    assert "No campaign yet" in board_page([], lambda _: {})


def test_the_command_lists_them(copy: Path, tmp_path: Path) -> None:
    page = tmp_path / "board.html"
    arguments = ["campaign", "list", "--home", str(copy)]
    ran = CliRunner().invoke(app, [*arguments, "--json", "--page", str(page)])
    (found,) = json.loads(ran.output)
    assert (found["campaign"], found["done"], found["left"]) == (CAMPAIGN.name, 4, 0)
    assert CAMPAIGN.name in page.read_text()
    said = CliRunner().invoke(app, arguments).output
    row = said.splitlines()[-1].split()
    assert row[:7] == [CAMPAIGN.name, "release", "done", "4", "0", "0", "0"]
