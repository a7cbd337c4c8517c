"""The surrogate card as a page: how well it predicts what it has not seen, and where not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from nepsbench.pages.page import Cell, Html, page, table
from nepsbench.pages.plots import Line, line_plot, point_plot
from nepsbench.schema import METRICS_BY_NAME

_SCORES = {"r2": "R²", "kendall_tau": "Kendall's tau", "spearman": "Spearman's rho"}


def card_page(card: Mapping[str, Any]) -> str:
    """Return a card, as ``evaluate`` makes it, as HTML."""
    title = f"Surrogate of {card['space']}"
    parts = (_summary, _main, _metrics, _by_epoch, _by_size, _calibration, _settings)
    return page(title, title, Html("".join(part(card) for part in parts)))


def _summary(card: Mapping[str, Any]) -> str:
    split, main = card["split"], card["main"]
    tau = (main["baselines"].get("surrogate") or {}).get("kendall_tau")
    said = (
        f"Fitted on {split['configurations_fitted']:,} configurations and judged on "
        f"{split['configurations_held_out']:,} others; no configuration, and none that is "
        f"isomorphic to it, is on both sides (seed {split['seed']}). The surrogate itself was then "
        "fitted on all of them."
    )
    ranks = "" if tau is None else f" Kendall's tau of <b>{escape(main['metric'])}</b> at the last "
    ranks += "" if tau is None else f"epoch: <b>{tau:.3f}</b>."
    return f"<p>{escape(said)}{ranks}</p>"


def _main(card: Mapping[str, Any]) -> str:
    main = card["main"]
    name = _label(main["metric"])
    measured, predicted = (np.array(main["points"][key]) for key in ("measured", "predicted"))
    rivals = [[rival, *_scores(score)] for rival, score in main["baselines"].items()]
    return (
        f"<section><h2>{escape(name)} at the last epoch</h2><div class='side'><figure>"
        f"{point_plot(measured, predicted, x_name=f'measured {name}', y_name='predicted')}"
        f"<figcaption>Configurations that were held out; on the line, both are equal.</figcaption>"
        f"</figure><div><h3>Beside simpler models</h3>{table(['model', *_SCORES.values()], rivals)}"
        f"{_regions(main['left_out_regions'])}</div></div></section>"
    )


def _regions(regions: Sequence[Mapping[str, Any]]) -> str:
    if not regions:
        return ""
    rows: list[list[Cell]] = [
        [each["region"], each["configurations"], each["rows"], *_scores(each)[:2]]
        for each in regions
    ]
    head = ["left out", "fitted on", "judged on", *list(_SCORES.values())[:2]]
    return f"<h3>Where nothing was seen</h3>{table(head, rows)}"


def _metrics(card: Mapping[str, Any]) -> str:
    head = ["metric", "rows", *_SCORES.values(), *(f"{each}, last epoch" for each in
            _SCORES.values()), "best 1 % found", "regret of the predicted best"]  # fmt: skip
    rows: list[list[Cell]] = []
    for name, parts in card["metrics"].items():
        overall, last = parts["overall"], parts.get("last_epoch", {})
        ends = (last.get("top_recall"), last.get("regret"))
        rows.append([_label(name), overall["rows"], *_scores(overall), *_scores(last), *ends])
    return f"<section><h2>Every metric</h2>{table(head, rows)}</section>"


def _by_epoch(card: Mapping[str, Any]) -> str:
    main = card["main"]
    epochs = [each["epoch"] for each in main["by_epoch"]]
    plot = _scores_plot(epochs, main["by_epoch"], x="epoch") if len(epochs) > 1 else ""
    rows: list[list[Cell]] = [
        [f"{each['fidelity']} = {each['value']}", each["rows"], *_scores(each)]
        for each in main["by_fidelity"]
    ]
    if not (plot or rows):
        return ""
    fidelities = f"<div>{table(['fidelity', 'rows', *_SCORES.values()], rows)}</div>"
    return (
        f"<section><h2>{escape(_label(main['metric']))} by epoch and fidelity</h2>"
        f"<div class='side'><figure>{plot}</figure>{fidelities if rows else ''}</div></section>"
    )


def _by_size(card: Mapping[str, Any]) -> str:
    curve = card["main"]["learning_curve"]
    if len(curve) < 2:
        return ""
    plot = _scores_plot([each["configurations"] for each in curve], curve, x="configurations")
    return (
        f"<section><h2>What more configurations bring</h2><figure>{plot}<figcaption>"
        f"Scores at the last epoch, fitted on so many.</figcaption></figure></section>"
    )


def _calibration(card: Mapping[str, Any]) -> str:
    found = card["calibration"]
    if not found:
        return ""
    levels = list(next(iter(found.values())))
    rows: list[list[Cell]] = [
        [
            _label(name),
            *(inside[level] for level in levels),
            _seeds(card["noise"].get(name, {})),
        ]
        for name, inside in found.items()
    ]
    head = ["metric", *(f"{float(level):.0%} interval" for level in levels), "seeds compared"]
    return (
        f"<section><h2>Calibration</h2><p>The part of the trainings held out that lies inside of "
        f"an interval. Where no configuration was trained with two seeds, a draw scatters as the "
        f"surrogate errs, which is more.</p>{table(head, rows, digits=3)}</section>"
    )


def _settings(card: Mapping[str, Any]) -> str:
    settings = json.dumps({key: card[key] for key in ("split", "boosting")}, indent=1)
    return f"<details><summary>Split and settings</summary><pre>{escape(settings)}</pre></details>"


def _seeds(noise: Mapping[str, Any]) -> str:
    return "yes" if noise.get("has_seeds") else "no"


def _scores_plot(at: Sequence[float], scores: Sequence[Mapping[str, Any]], *, x: str) -> Html:
    lines = [
        Line(label, np.array(at, dtype=np.float64),
             np.array([each.get(key) for each in scores], dtype=np.float64))
        for key, label in _SCORES.items()
    ]  # fmt: skip
    return line_plot(lines, x=x, y="score")


def _scores(score: Mapping[str, Any]) -> list[Cell]:
    return [score.get(key) for key in _SCORES]


def _label(metric: str) -> str:
    return METRICS_BY_NAME[metric].label
