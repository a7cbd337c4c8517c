"""A wave that a surrogate proposes, as a campaign of its own."""

import json

import pytest
from typer.testing import CliRunner

from nepsbench.campaign.extension import extend
from nepsbench.campaign.form import parse_campaign
from nepsbench.cli.main import app
from nepsbench.errors import NepsbenchError
from nepsbench.sampling import create_profile
from nepsbench.warehouse import open_warehouse

pytestmark = pytest.mark.whole


def test_the_proposal_is_trained_and_lands_in_a_release_of_its_own(whole, tmp_path):
    form = tmp_path / "next.json"
    runner = CliRunner()
    asked = ["profile", "extend", "nepsbench101-digits", "-o", str(form), "--home", str(whole)]
    ran = runner.invoke(
        app, [*asked, "--streams", "1", "--samples", "2", "--pool", "50", "--waves", "1"]
    )
    assert ran.exit_code == 0, ran.output
    assert "expected gain" in ran.output
    values = json.loads(form.read_text())
    assert (values["first_stream"], values["release"]) == (2, "1.0.1")
    before = len(open_warehouse(whole).tables("nepsbench101-digits")[0])

    ran = runner.invoke(app, ["campaign", "run", "--form", str(form), "--home", str(whole)])
    assert ran.exit_code == 0, ran.output
    trials = open_warehouse(whole).tables("nepsbench101-digits")[0].to_pylist()
    assert len(trials) == before + 2
    name = parse_campaign(values).name
    added = [row for row in trials if row["profile"] == name]
    wanted = [{k: row[k] for k in values["portfolio"][0]} for row in added]
    assert wanted == values["portfolio"]
    assert (whole / "releases/nepsbench101-digits/1.0.1/manifest.json").exists()


def test_a_portfolio_makes_a_campaign_of_another_name_and_is_drawn_in_turn(copy):
    found = extend("nepsbench101-digits", copy, streams=2, samples=1, pool=50)
    campaign = parse_campaign(found.form)
    drawn = parse_campaign({k: v for k, v in found.form.items() if k != "portfolio"})
    assert campaign.name != drawn.name
    profile = create_profile(campaign.spec())
    assert [profile.configuration(row) for row in range(2)] == found.form["portfolio"]


def test_a_benchmark_that_is_not_there_and_a_bad_form_are_one_line_each(copy, tmp_path):
    with pytest.raises(NepsbenchError, match="holds no trials of benchmark 'nothing'"):
        extend("nothing", copy)
    (tmp_path / "bad.json").write_text("[1]")
    for name, said in (("bad.json", "one JSON object"), ("none.json", "cannot be read as a form")):
        ran = CliRunner().invoke(app, ["campaign", "run", "--form", str(tmp_path / name)])
        assert ran.exit_code != 0
        assert said in str(ran.exception)
