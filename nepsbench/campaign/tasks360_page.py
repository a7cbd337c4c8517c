"""The page that sets campaigns beside NAS-Bench-360's published table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path

import numpy as np

from nepsbench.campaign.published360 import PUBLISHED, TASKS
from nepsbench.campaign.tasks360 import Comparison, Entry, compare, published_comparison
from nepsbench.files import write_text
from nepsbench.pages.page import Cell, Html, page, shown, table
from nepsbench.pages.plots import Line, line_plot
from nepsbench.search.ranks import performance_profile

#: Ratios of a performance profile: up to 20 times the best error.
_RATIOS = np.geomspace(1, 20, 200)
_SEEDS = 3


def write_comparison(entries: Sequence[Entry], target: Path) -> Path:
    """Write ``nasbench360.html`` and ``nasbench360.json`` into a folder; returns the page."""
    ours, theirs = compare(entries), published_comparison()
    place = target / "nasbench360.html"
    body = (
        "<section><p>Errors on test data, lower is better: the mean of our seeds, and the "
        "published mean of three. Where budgets or data are smaller than published, the numbers "
        "are not comparable; the budgets say by how much.</p>",
        _errors(entries),
        "<h2>Budgets and cost</h2>",
        _budgets(entries),
        "<h2>Ranks</h2>",
        _ranks("ours", ours),
        _ranks("published", theirs),
        "<h2>Performance profiles</h2>",
        "<p>The share of tasks on which a method's error is within a ratio of the best one's "
        "(Dolan and Moré 2002). A task that a method has no result of counts against it.</p>",
        "<h3>Ours</h3>",
        _profile(ours),
        "<h3>Published</h3>",
        _profile(theirs),
        "</section>",
    )
    heading = "Methods on diverse tasks"
    write_text(place, page(heading, heading, Html("".join(body))))
    content = {
        "entries": [{**asdict(each), "mean": each.mean} for each in entries],
        "published": PUBLISHED,
    }
    write_text(target / "nasbench360.json", json.dumps(content, indent=1) + "\n")
    return place


def _errors(entries: Sequence[Entry]) -> Html:
    """Return the table of all tasks: ours, in brackets how many seeds, and published."""
    tasks = [*TASKS, *dict.fromkeys(e.dataset for e in entries if e.dataset not in TASKS)]
    ours = {(each.method, each.dataset): each for each in entries}
    methods = dict.fromkeys((*PUBLISHED, *(each.method for each in entries)))
    rows: list[list[Cell]] = []
    for method in methods:
        cells: list[Cell] = [method]
        for task in tasks:
            mine, published = ours.get((method, task)), PUBLISHED.get(method, {}).get(task)
            own = "" if mine is None else f"{shown(mine.mean, 3)} ({len(mine.errors)})"
            cells.append(f"{own or shown(None)} / {shown(published, 4)}")
        rows.append(cells)
    return table(["ours (seeds) / published", *(TASKS.get(task, task) for task in tasks)], rows)


def _budgets(entries: Sequence[Entry]) -> Html:
    head = ["method", "task", "metric", "seeds", "CPU hours", "budget", "campaign"]
    rows: list[list[Cell]] = [
        [
            each.method,
            TASKS.get(each.dataset, each.dataset),
            each.metric,
            f"{len(each.errors)}" + ("" if len(each.errors) >= _SEEDS else " (preliminary)"),
            each.seconds / 3600,
            each.budget,
            each.campaign,
        ]
        for each in entries
    ]
    return table(head, rows)


def _ranks(title: str, comparison: Comparison) -> str:
    if comparison.ranking is None:
        return f"<p>{escape(title)}: no task has results of all methods.</p>"
    known = comparison.ranking
    ordered = sorted(zip(known.ranks, known.rows, strict=True))
    said = ", ".join(f"{name} {rank:.2f}" for rank, name in ordered)
    return (
        f"<p>{escape(title)}, mean rank over the {known.blocks} tasks that all have: "
        f"{escape(said)}; ranks that differ by less than {known.difference:.2f} are not told "
        "apart.</p>"
    )


def _profile(comparison: Comparison) -> Html:
    if not comparison.methods:
        return Html("<p>Nothing was trained.</p>")
    shares = performance_profile(comparison.errors, _RATIOS)
    lines = [Line(m, _RATIOS, shares[:, k]) for k, m in enumerate(comparison.methods)]
    return line_plot(lines, x="ratio to the best error", y="share of tasks", log=True, steps=True)
