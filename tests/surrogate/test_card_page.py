"""The card as a page, and two surrogates side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nepsbench.cli.main import app
from nepsbench.errors import NepsbenchError
from nepsbench.surrogate import Card, FittedSurrogate, evaluate, fit
from nepsbench.surrogate.boosting import Boosting
from nepsbench.surrogate.card_page import card_page
from nepsbench.surrogate.rivals import compare
from tests.tiny_benchmark import SPACE, odd_tables, plain_tables

QUICK = Boosting(iterations=30)
DRAWN = {"path", "circle", "polygon"}


class Reader(HTMLParser):
    """Collects text, and refuses what is not closed or needs another file."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.pictures = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "link", "img", "iframe")
        assert not {"href", "src"} & {name for name, _ in attrs}
        self.pictures += tag == "svg"
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        assert tag in DRAWN

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> tuple[str, int]:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return " ".join(reader.text), reader.pictures


@pytest.fixture(scope="module")
def card() -> Card:
    return evaluate(*plain_tables(60, epochs=6), space=SPACE.name, boosting=QUICK)


@pytest.fixture(scope="module")
def surrogate(card: Card) -> FittedSurrogate:
    fitted = fit(*plain_tables(60, epochs=6), space=SPACE.name, boosting=QUICK)
    return replace(fitted, card=card)


def test_a_page_shows_every_metric_baseline_and_interval_of_the_card(card: Card):
    text, pictures = read(card_page(card))
    assert pictures >= 3
    for name in (*card["metrics"], *card["main"]["baselines"], "XGBoost one-hot", "95% interval"):
        assert name in text
    tau = card["metrics"]["valid_acc"]["last_epoch"]["kendall_tau"]
    assert f"{tau:.4g}" in text
    for each in card["main"]["left_out_regions"]:
        assert each["region"] in text


def test_a_card_of_few_and_odd_trials_is_a_page_too():
    card = evaluate(*odd_tables(), space=SPACE.name, boosting=QUICK)
    assert "Every metric" in read(card_page(card))[0]


def test_text_of_a_card_cannot_become_markup(card: Card):
    regions = [{"region": "<b>&x", "configurations": 1, "rows": 1, "r2": None}]
    text, _ = read(card_page({**card, "main": {**card["main"], "left_out_regions": regions}}))
    assert "<b>&x" in text


def test_the_page_lies_beside_the_card(surrogate: FittedSurrogate, tmp_path: Path):
    surrogate.save(tmp_path)
    assert read((tmp_path / "card.html").read_text("utf-8"))[1] >= 3


def test_a_surrogate_agrees_with_itself(surrogate: FittedSurrogate):
    found = compare(surrogate, surrogate, epoch=6)
    assert found.remarks == ()
    assert found.agreement["valid_acc"] == {
        "kendall_tau": pytest.approx(1.0), "spearman": pytest.approx(1.0), "difference": 0.0,
    }  # fmt: skip
    one, other = found.scores["valid_acc"]["last_epoch"]["kendall_tau"]
    assert one == other


def test_other_configurations_make_other_answers_and_a_remark(
    surrogate: FittedSurrogate, tmp_path: Path
):
    tables = plain_tables(30, epochs=6)
    other = replace(
        fit(*tables, space=SPACE.name, boosting=QUICK),
        card=evaluate(*tables, space=SPACE.name, boosting=QUICK),
    )
    found = compare(surrogate, other, epoch=6)
    assert found.agreement["valid_acc"]["difference"] > 0
    assert "configurations_fitted 48 and 24" in found.remarks[0]
    folders = [str(tmp_path / "a"), str(tmp_path / "b")]
    for each, folder in zip((surrogate, other), folders, strict=True):
        each.save(Path(folder))
    ran = CliRunner().invoke(app, ["surrogate", "compare", *folders, "--json"])
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.output)["agreement"]["valid_acc"] == found.agreement["valid_acc"]
    ran = CliRunner().invoke(app, ["surrogate", "compare", *folders])
    assert ran.exit_code == 0, ran.output
    assert "note: the cards judge on different configurations" in ran.output


def test_surrogates_without_a_common_metric_or_of_two_spaces_are_refused(
    surrogate: FittedSurrogate,
):
    without = replace(surrogate, trees={"other": surrogate.trees["valid_acc"]})
    with pytest.raises(NepsbenchError, match="no metric in common"):
        compare(surrogate, without, epoch=6)


def test_one_that_was_not_judged_is_named(surrogate: FittedSurrogate):
    found = compare(surrogate, replace(surrogate, card=None), epoch=6)
    assert found.remarks[0].startswith("the second was not judged")
