"""``nepsbench surrogate``: Fit and judge a surrogate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from nepsbench.surrogate import Card

app = typer.Typer(help="Fit and judge a surrogate.", no_args_is_help=True)


@app.callback()
def surrogate() -> None:
    """Fit and judge a surrogate."""


@app.command("fit")
def fit_surrogate(
    benchmark: str = typer.Option(..., help="Like nepsbench101-digits."),
    output: Path = typer.Option(..., "--output", "-o", help="Folder for models and card."),
    home: Path | None = typer.Option(None, help="Data home. Default: NEPSBENCH_HOME."),
    threads: int = typer.Option(1, min=1, help="CPU threads of CatBoost."),
) -> None:
    """Judge a surrogate on held-out configurations, then fit it on all trials of a benchmark.

    Example: nepsbench surrogate fit --benchmark nepsbench101-digits -o surrogate
    """
    from dataclasses import replace

    from nepsbench.campaign.publish import benchmark_tables
    from nepsbench.home import data_home
    from nepsbench.release import info_of
    from nepsbench.surrogate import evaluate, fit

    trials, epochs = benchmark_tables(benchmark, data_home(home))
    space = info_of(trials)["space"]
    card = evaluate(trials, epochs, space=space, threads=threads)
    fitted = fit(trials, epochs, space=space, threads=threads)
    replace(fitted, card=card).save(output)
    for line in score_lines(card):
        typer.echo(line)


def score_lines(card: Card) -> list[str]:
    """Return the scores of a card as a table, one line a metric."""
    lines = [f"{'metric':28} {'R2':>8} {'tau':>8} {'R2 end':>8} {'tau end':>8}"]
    for name, scores in card["metrics"].items():
        overall, last = scores["overall"], scores.get("last_epoch", {})
        numbers = [part.get(key) for part in (overall, last) for key in ("r2", "kendall_tau")]
        cells = " ".join("       -" if value is None else f"{value:8.3f}" for value in numbers)
        lines.append(f"{name:28} {cells}")
    return lines
