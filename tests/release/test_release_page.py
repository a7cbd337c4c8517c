"""The page of a release: what it says is what the tables say, and it needs nothing else."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr
from typer.testing import CliRunner

from nepsbench.cli.main import app
from nepsbench.errors import CorruptedFileError, NepsbenchError
from nepsbench.release import build_release
from nepsbench.release.manifest import read_manifest
from nepsbench.release.page import release_page
from nepsbench.release.page_facts import ReleaseFacts
from tests.tiny_benchmark import (
    INFO,
    NAME,
    SPACE,
    configurations,
    epochs_of,
    epochs_table,
    trial,
    trials_table,
)


@pytest.fixture
def seeded(tmp_path: Path) -> Path:
    """Thirty configurations, each with two seeds, four epochs."""
    rows = [
        trial(configuration, 2 * k + seed + 1, seed=seed)
        for k, configuration in enumerate(configurations(30))
        for seed in (0, 1)
    ]
    epochs = [epoch for row in rows for epoch in epochs_of(row)]
    return build_release(
        name=NAME, version="1.0.0", benchmark_info=INFO, trials=trials_table(rows),
        epochs=epochs_table(epochs), surrogate=None, card=None, target=tmp_path / "releases",
    )  # fmt: skip


def facts_of(release: Path) -> ReleaseFacts:
    return ReleaseFacts(release, read_manifest(release))


def finals(release: Path) -> np.ndarray:
    """Accuracies at the last epoch, with the row of the trial."""
    rows = facts_of(release).rows(
        "select l.valid_acc, t.* from trials t join ends l using (profile, taskid, model_idx)"
    )
    return np.array([row[0] for row in rows])


def test_facts_are_those_of_the_tables(seeded: Path) -> None:
    facts = facts_of(seeded)
    assert facts.judge is not None
    assert facts.judge.name == "valid_acc"
    accuracies = finals(seeded)
    histogram = np.array(facts.histogram("valid_acc"))
    assert histogram[:, 1].sum() == len(accuracies) == 60
    assert histogram[0, 1] >= 1 <= histogram[-1, 1]
    low, high = np.quantile(accuracies, [0.1, 0.9])
    curves = np.array(facts.curves("valid_acc", [0.1, 0.9]))
    assert curves[-1].tolist() == pytest.approx([4, low, high])


def test_ranks_by_epoch_are_spearmans(seeded: Path) -> None:
    facts = facts_of(seeded)
    rows = facts.rows(
        "select e.epoch, e.valid_acc, l.valid_acc from epochs e join ends l "
        "using (profile, taskid, model_idx)"
    )
    columns = np.array(rows)
    told = dict(facts.rank_by_epoch("valid_acc"))
    assert [*told] == [1, 2, 3, 4]
    for epoch, rho in told.items():
        chosen = columns[columns[:, 0] == epoch]
        assert rho == pytest.approx(spearmanr(chosen[:, 1], chosen[:, 2])[0], abs=1e-9)


def test_the_best_and_the_noise_between_seeds(seeded: Path) -> None:
    facts = facts_of(seeded)
    many, within, between = facts.seed_noise("valid_acc")
    assert many == 30
    assert within == pytest.approx(2**0.5 / 2, abs=0.05)  # seeds are one apart, unless capped
    assert between > within
    (best, value, seeds), *_ = facts.best(3)
    assert seeds == 2
    assert value == pytest.approx(max(finals(seeded)[0::1]) - 0.5, abs=0.5)
    assert SPACE.validate({**best}) == best
    names = [name for name, *_ in facts.fidelities("valid_acc")]
    assert names == ["N", "W", "Resolution"]


class Links(HTMLParser):
    """Collects all that a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag in ("script", "link", "img", "iframe"):
            self.found.append(tag)


def test_the_page_says_all_and_loads_nothing(seeded: Path, tmp_path: Path) -> None:
    target = tmp_path / "card.html"
    ran = CliRunner().invoke(app, ["release", "page", str(seeded), "-o", str(target)])
    assert ran.exit_code == 0, ran.exception
    page = target.read_text()
    for title in ("How it was made", "Splits and metrics", "Distributions", "Learning curves",
                  "Cost", "Ranks between epochs and fidelities", "Best configurations",
                  "Seed noise", "Surrogate", "Audit", "Cite and query"):  # fmt: skip
        assert f"<h2>{title}</h2>" in page
    links = Links()
    links.feed(page)
    assert links.found == []
    assert "60 trials of 30 configurations" in page
    assert page.count("macro skeleton") == 3
    (snippet,) = re.findall(r"<pre>(import nepsbench.*?)</pre>", page, flags=re.DOTALL)
    assert f"{NAME}@1.0.0" in snippet
    exec(
        snippet.replace("&quot;", '"').replace(
            f'load("{NAME}@1.0.0")', f'load("{NAME}@1.0.0", home={str(tmp_path)!r})'
        ),
        {},
    )


def test_odd_tables_have_a_page_too(release: Path) -> None:
    page = release_page(release)
    assert "<h2>Seed noise</h2>" in page
    assert "diverged" in page


def test_what_is_no_release_or_damaged_is_refused_in_one_line(release: Path) -> None:
    with pytest.raises(NepsbenchError, match="manifest"):
        release_page(release.parent)
    (release / "epochs.parquet").write_bytes(b"PAR1")
    with pytest.raises(CorruptedFileError, match="nepsbench release verify"):
        release_page(release)
