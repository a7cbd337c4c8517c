"""The leaderboard: one page of HTML that needs nothing else, and the same as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path

import numpy as np

from nepsbench.files import write_text
from nepsbench.pages.page import Cell, Html, code, page, shown, table
from nepsbench.pages.plots import Line, line_plot
from nepsbench.schema import METRICS_BY_NAME
from nepsbench.search.difference import difference_plot
from nepsbench.search.ranks import Ranking, performance_profile
from nepsbench.search.standing import (
    ENOUGH_SEEDS,
    Result,
    Standing,
    errors_of,
    joint_ranking,
)
from nepsbench.search.trajectories import Curve, by_evaluations, by_time, moments_of

_RATIOS = 200
#: Trajectories are shown from this part of the budget on.
_SHOWN = 0.05


def write_leaderboard(results: Sequence[Result], target: Path) -> Path:
    """Write ``leaderboard.html`` and ``leaderboard.json`` into a folder; returns the page.

    Raises:
        SpecError: If there are several studies and their optimisers differ.
    """
    joint = joint_ranking(results) if len(results) > 1 else None
    place = target / "leaderboard.html"
    title = ", ".join(result.study.study for result in results)
    body = "".join(_section(result) for result in results)
    if joint is not None:
        body = f"<section><h2>All studies together</h2>{_ranks(joint)}</section>{body}"
    write_text(place, page(f"Leaderboard: {title}", "Leaderboard", Html(body)))
    write_text(target / "leaderboard.json", json.dumps(as_json(results, joint), indent=1) + "\n")
    return place


def as_json(results: Sequence[Result], joint: Ranking | None = None) -> dict[str, object]:
    """Return the leaderboard's numbers; what is not known is null."""
    studies = [
        {
            "study": result.study.study,
            "made": result.made,
            "rows": [_plain(asdict(each)) for each in result.standings],
            "ranking": asdict(result.ranking),
        }
        for result in results
    ]
    return {"studies": studies, "joint": asdict(joint) if joint else None}


def reproduce_command(study: str, row: str) -> str:
    """Return the command that runs the searches of a row again and compares every evaluation."""
    return f"nepsbench search reproduce {study} {row}"


def value_name(result: Result) -> str:
    """Return what a study compares, with its unit."""
    study = result.study
    if len(study.metrics) > 1:
        reference = ", ".join(f"{name} {value:g}" for name, value in study.reference.items())
        return f"hypervolume up to {reference}"
    return METRICS_BY_NAME[study.metrics[0]].label


def _section(result: Result) -> str:
    study = result.study
    parts = [
        f"<section><h2>{escape(study.study)}</h2>",
        f"<p>{escape(_what(result))}</p>",
        _table(result),
        "<h3>By evaluations</h3>",
        _by_evaluations(result),
        "<h3>By simulated time</h3>",
        _by_time(result),
        "<h3>Ranks</h3>",
        _ranks(result.ranking),
        "<h3>Performance profile</h3>",
        _profile(result),
        f"<details><summary>Study and provenance</summary><pre>"
        f"{escape(json.dumps(result.made, indent=1))}</pre></details></section>",
    ]
    return "".join(parts)


def _what(result: Result) -> str:
    study, made = result.study, result.made
    given = study.budget.model_dump(exclude_none=True)
    budget = ", ".join(f"{value:g} {name}" for name, value in given.items())
    cluster = ", ".join(f"{name} {value}" for name, value in study.cluster.model_dump().items())
    return (
        f"{made['benchmark']} {made['version']} ({study.kind}), {study.track} by "
        f"{value_name(result)}; {study.seeds} searches an optimiser, {budget} a search; seconds by "
        f"rule {study.durations}; cluster: {cluster}."
    )


def _table(result: Result) -> str:
    more = [name for name in result.study.finals if name not in result.study.metrics]
    first = result.study.optimisers[0].row
    head = ["optimiser", f"{value_name(result)}: mean ± standard error", "median", "best", "rank",
            f"standard errors ahead of {first}", "evaluations", "simulated hours",
            *more, "reproduce"]  # fmt: skip
    rows = [_row(each, more, result.study.study) for each in result.standings]
    note = ""
    if result.study.seeds < ENOUGH_SEEDS:
        note = f"<p><b>Preliminary</b>: the protocol asks for {ENOUGH_SEEDS} searches or more.</p>"
    return table(head, rows, digits=5) + note


def _row(each: Standing, more: Sequence[str], study: str) -> list[Cell]:
    return [
        each.row,
        f"{shown(each.mean, 5)} ± {shown(each.error, 2)}",
        each.median,
        each.best,
        f"{each.rank:.2f}",
        f"{each.lead:+.1f}",
        f"{each.evaluations:.0f}",
        f"{each.seconds / 3600:.3g}",
        *(each.final.get(name) for name in more),
        code(reproduce_command(study, each.row)),
    ]


def _by_evaluations(result: Result) -> str:
    most = max((len(s.value) for found in result.found.values() for s in found), default=0)
    curves = {row: by_evaluations(found, max(most, 1)) for row, found in result.found.items()}
    lines = [_late(row, curve) for row, curve in curves.items()]
    return line_plot(lines, x="evaluations", y=value_name(result), log=True, steps=True)


def _by_time(result: Result) -> str:
    moments = moments_of(result.found, result.study.budget.seconds)
    curves = {row: by_time(found, moments) for row, found in result.found.items()}
    lines = [_late(row, curve) for row, curve in curves.items()]
    return line_plot(lines, x="simulated seconds", y=value_name(result), log=True, steps=True)


def _late(row: str, curve: Curve) -> Line:
    """Return a curve from a part of its end on: what comes before would take all the height."""
    late = curve.x >= curve.x[-1] * _SHOWN
    return Line(row, curve.x[late], curve.mean[late], curve.error[late])


def _profile(result: Result) -> str:
    errors = errors_of(result.study, result.found)
    if not (errors > 0).all():
        return "<p>Needs an error above 0 of every search.</p>"
    worst = np.nanmax(errors / np.nanmin(errors, axis=1, keepdims=True))
    ratios = np.linspace(1.0, max(float(worst), 1.001), _RATIOS)
    shares = performance_profile(errors, ratios)
    lines = [Line(row, ratios, shares[:, place]) for place, row in enumerate(result.found)]
    return line_plot(lines, x="error, as a multiple of the seed's best", y="share of seeds",
                     steps=True)  # fmt: skip


def _ranks(ranking: Ranking) -> str:
    said = f"{ranking.blocks} blocks (a study and seed each); critical difference "
    said += f"{ranking.difference:.2f} (Nemenyi, 0.05)"
    if ranking.p is not None:
        said += f"; Friedman's p {ranking.p:.2g}"
    return f"<p>{said}. Optimisers under one bar are not told apart.</p>{difference_plot(ranking)}"


def _plain(value: object) -> object:
    """Return a value as JSON can say it."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
