"""The page of a release: one file that says all of it, and needs nothing else."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

import numpy as np

from nepsbench.notes import note_of
from nepsbench.pages.graphs import graph_plot
from nepsbench.pages.page import Cell, Html, code, page, table
from nepsbench.pages.plots import Line, line_plot
from nepsbench.release.audited import audit_line
from nepsbench.release.manifest import read_manifest
from nepsbench.release.page_facts import ReleaseFacts, card_of
from nepsbench.spaces.drawing import graphs_of

#: Curves of the trials at each epoch: how many are better. What is worse than the median may be
#: thousands of times worse, and would hide all others.
_SHARES = {"best tenth": 0.1, "best quarter": 0.25, "median": 0.5}
_BEST = 3


def release_page(release: Path) -> str:
    """Return the page of a release as HTML.

    Args:
        release: The folder of its version.

    Raises:
        NepsbenchError: If it is no release, or a file of it is damaged.
    """
    facts = ReleaseFacts(release, read_manifest(release))
    title = f"{facts.manifest.name} {facts.manifest.version}"
    parts: tuple[Callable[[ReleaseFacts], str], ...] = (
        _what, _metrics, _distributions, _curves, _costs, _ranks, _best, _noise, _surrogate,
        _audit, _use,
    )  # fmt: skip
    return page(title, title, Html("".join(part(facts) for part in parts)))


def _what(facts: ReleaseFacts) -> str:
    manifest = facts.manifest
    held, about = manifest.contents, manifest.benchmark
    recipe = about.get("recipe", "")
    recipes = ", ".join(recipe) if isinstance(recipe, list) else recipe
    said = (
        f"{held['trials']:,} trials of {held['configurations']:,} configurations of space "
        f"{manifest.space['name']} on {about['dataset']}, trained by recipe {recipes}, "
        f"{held['epochs']:,} epochs, up to epoch {held['max_epoch']}."
    )
    note = note_of(manifest.name)
    what = f"<p>{escape(note.what)}</p>" if note else ""
    ended = [[status, count] for status, count in held["statuses"].items()]
    made = [
        [name, ", ".join(f"{value} ({count:,})" for value, count in values.items())]
        for name, values in manifest.provenance.items()
        if isinstance(values, dict) and set(values) != {"None"}
    ]
    return (
        f"{what}<p>{escape(said)}</p><section><h2>How it was made</h2>"
        f"{table(('outcome', 'trials'), ended)}{table(('what', 'of how many trials'), made)}"
        "</section>"
    )


def _metrics(facts: ReleaseFacts) -> str:
    note = note_of(facts.manifest.name)
    splits = [[name, told] for name, told in (note.splits if note else {}).items()]
    meant = table(("split", "what it is"), splits) if splits else ""
    rows: list[list[Cell]] = [
        [m.name, m.unit, m.direction or "", m.split or "", m.description]
        for m in facts.manifest.metrics
    ]
    head = ("metric", "unit", "better", "split", "what it is")
    return (
        f"<section><h2>Splits and metrics</h2>{meant}<details><summary>All "
        f"{len(rows)} metrics</summary>{table(head, rows)}</details></section>"
    )


def _distributions(facts: ReleaseFacts) -> str:
    figures = []
    for metric in facts.metrics:
        if metric.name.endswith("_loss"):
            continue
        rows = np.array(facts.histogram(metric.name), dtype=np.float64)
        if len(rows) < 2 or not np.isfinite(rows).all():
            continue
        line = Line(metric.label, rows[:, 0], rows[:, 1])
        plot = line_plot([line], x=f"{metric.label} at the last epoch", y="trials", steps=True)
        figures.append(f"<figure>{plot}</figure>")
    return _side("Distributions", figures)


def _curves(facts: ReleaseFacts) -> str:
    judge = facts.judge
    names = [m for m in facts.metrics if m is judge or m.name == "valid_loss"]
    figures = []
    for metric in names:
        upward = metric.direction == "max"
        shares = [1 - share if upward else share for share in _SHARES.values()]
        rows = np.array(facts.curves(metric.name, shares), dtype=np.float64)
        if len(rows) < 2:
            continue
        lines = [Line(label, rows[:, 0], rows[:, k]) for k, label in enumerate(_SHARES, start=1)]
        figures.append(f"<figure>{line_plot(lines, x='epoch', y=metric.label)}</figure>")
    return _side("Learning curves", figures)


def _costs(facts: ReleaseFacts) -> str:
    rows: list[list[Cell]] = []
    for name, median, most, total in facts.costs():
        whole = f"{total / 3600:,.3g} h" if name == "seconds" and total is not None else None
        rows.append([name, median, most, whole])
    head = ("what a trial costs", "median", "ninth tenth", "all trials")
    return _section("Cost", table(head, rows)) if rows else ""


def _ranks(facts: ReleaseFacts) -> str:
    judge = facts.judge
    if judge is None:
        return ""
    parts = []
    by_epoch = np.array(facts.rank_by_epoch(judge.name), dtype=np.float64)
    if len(by_epoch) > 1:
        line = Line("Spearman's rho", by_epoch[:, 0], by_epoch[:, 1])
        plot = line_plot([line], x="epoch", y=f"rank correlation of {judge.name} with the last")
        parts.append(f"<figure>{plot}</figure>")
    rows = [list(row) for row in facts.fidelities(judge.name)]
    if rows:
        parts.append(table(("fidelity", f"rho with {judge.name}", "rho with its time"), rows))
    return _side("Ranks between epochs and fidelities", parts)


def _best(facts: ReleaseFacts) -> str:
    judge, space = facts.judge, str(facts.manifest.space["name"])
    figures = []
    for configuration, value, seeds in facts.best(_BEST):
        told = f"{judge.label if judge else ''}: {value:.4g}, mean of {seeds}"
        drawn = "".join(graph_plot(graph) for graph in graphs_of(space, configuration))
        values = ", ".join(f"{name}={value}" for name, value in configuration.items())
        figures.append(
            f"<figure>{drawn}<figcaption>{escape(told)}<br>{code(values)}</figcaption></figure>"
        )
    return _side("Best configurations", figures)


def _noise(facts: ReleaseFacts) -> str:
    judge = facts.judge
    found = facts.seed_noise(judge.name) if judge else None
    if judge is None or found is None:
        return _section(
            "Seed noise", Html("<p>No configuration was trained with several seeds.</p>")
        )
    many, within, between = found
    return _section(
        "Seed noise",
        Html(
            f"<p>{many:,} configurations were trained with several seeds. The median standard "
            f"deviation of {escape(judge.label)} between seeds of one is {within:.3g}; between the "
            f"means of configurations it is {between:.3g}.</p>"
        ),
    )


def _surrogate(facts: ReleaseFacts) -> str:
    card = card_of(facts.path)
    if card is None:
        return _section("Surrogate", Html("<p>The release has no surrogate.</p>"))
    rows: list[list[Cell]] = [
        [name, scores["overall"].get("r2"), scores["overall"].get("kendall_tau"),
         scores.get("last_epoch", {}).get("kendall_tau")]
        for name, scores in card["metrics"].items()
    ]  # fmt: skip
    head = ("metric", "R\N{SUPERSCRIPT TWO}", "Kendall's tau", "at the last epoch")
    split = card["split"]
    said = (
        f"Judged on {split['configurations_held_out']:,} configurations that it had not seen, of "
        f"{split['configurations_held_out'] + split['configurations_fitted']:,}. More is in "
        "surrogate/card.html beside this release."
    )
    return _section("Surrogate", Html(f"<p>{escape(said)}</p>{table(head, rows, digits=3)}"))


def _audit(facts: ReleaseFacts) -> str:
    return _section("Audit", Html(f"<p>{escape(audit_line(facts.manifest.audit))}</p>"))


def _use(facts: ReleaseFacts) -> str:
    manifest = facts.manifest
    note, about = note_of(manifest.name), manifest.benchmark.get("about", {})
    cited = about.get("citation") or (note.citation if note else "")
    licence = about.get("licence") or (note.licence if note else "")
    errata = "".join(
        f"<li>{escape(each.text)} {escape(each.where)}</li>"
        for each in (note.errata if note else ())
    )
    known = f"<h3>Known errors</h3><ul>{errata}</ul>" if errata else ""
    python = (
        f'import nepsbench\n\nbench = nepsbench.load("{manifest.name}@{manifest.version}")\n'
        "answer = bench(bench.sample(seed=0))\n"
        'bench.sql("select status, count(*) from trials group by status")'
    )
    return (
        f"<section><h2>Cite and query</h2><p>{escape(cited)}</p><p>Licence: {escape(licence)}</p>"
        f"{known}<pre>pip install nepsbench</pre><pre>{escape(python)}</pre></section>"
    )


def _section(title: str, body: Html) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _side(title: str, parts: list[str]) -> str:
    return _section(title, Html(f"<div class='side'>{''.join(parts)}</div>")) if parts else ""
