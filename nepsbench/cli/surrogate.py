"""``nepsbench surrogate``: Fit, judge, tune and compare surrogates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nepsbench.cli.rows import JSON, echo_fact

if TYPE_CHECKING:
    from nepsbench.surrogate import Card, FittedSurrogate
    from nepsbench.surrogate.rivals import Rivals

app = typer.Typer(help="Fit, judge, tune and compare surrogates.", no_args_is_help=True)


@app.callback()
def surrogate() -> None:
    """Fit, judge, tune and compare surrogates."""


@app.command("fit")
def fit_surrogate(
    benchmark: str = typer.Option(..., help="Like nepsbench101-digits."),
    output: Path = typer.Option(..., "--output", "-o", help="Folder for models and card."),
    home: Path | None = typer.Option(None, help="Data home. Default: NEPSBENCH_HOME."),
    threads: int = typer.Option(1, min=1, help="CPU threads of CatBoost."),
    as_json: bool = JSON,
) -> None:
    """Judge a surrogate on held-out configurations, then fit it on all trials of a benchmark.

    Example: nepsbench surrogate fit --benchmark nepsbench101-digits -o surrogate
    """
    from nepsbench.campaign.publish import judged_surrogate
    from nepsbench.home import data_home

    fitted = judged_surrogate(benchmark, data_home(home), threads=threads)
    fitted.save(output)
    card = fitted.card or {}
    echo_fact({"path": output, "card": card}, "\n".join(score_lines(card)), as_json=as_json)


@app.command("tune")
def tune(
    benchmark: str = typer.Argument(help="A benchmark of the warehouse."),
    rounds: int = typer.Option(4, min=1, help="How often Optuna is told what came out."),
    parallel: int = typer.Option(8, min=1, help="Settings of a round, each a task of a job."),
    folds: int = typer.Option(3, min=1, help="Splits by which each is judged."),
    metric: str = typer.Option("", help="What counts. Default: the main one."),
    seed: int | None = typer.Option(None, min=0, help="Of Optuna, splits and fits."),
    cluster: str = typer.Option("local", help="Where the jobs run."),
    home: Path | None = typer.Option(None, help="Data home. Default: NEPSBENCH_HOME."),
) -> None:
    """Search a surrogate's settings on a cluster; fits on the same tables use them from then on.

    What the card is made of is held out of the search, too. Run again, it goes on where it stopped.

    Example: nepsbench surrogate tune nepsbench101-digits --rounds 6
    """
    from nepsbench.cluster import load_cluster, open_cluster
    from nepsbench.home import data_home
    from nepsbench.tuning.form import parse_tuning
    from nepsbench.tuning.run import run_tuning

    form = parse_tuning(
        {
            "benchmark": benchmark,
            "rounds": rounds,
            "parallel": parallel,
            "folds": folds,
            "metric": metric,
            "seed": seed,
            "cluster": cluster,
        }
    )
    with open_cluster(load_cluster(form.cluster)) as opened:
        found = run_tuning(form, data_home(home), opened, say=typer.echo)
    typer.echo(f"{found.path}: tau {found.score:.4f}, without a search {found.default_score:.4f}")
    typer.echo("fit with them: nepsbench surrogate fit, or a release of a new version")


@app.command("score-here", hidden=True)
def score_here(
    job: Path = typer.Argument(help="The job's folder."),
    task: int = typer.Option(0, min=0, envvar="NEPSBENCH_WORKER", help="Which settings, from 0."),
) -> None:
    """Judge one setting: what runs inside a task of a tuning job."""
    from nepsbench.tuning.scoring_here import score_here as run_here

    typer.echo(f"tau {run_here(job, task):.4f}")


@app.command("compare")
def compare_surrogates(
    first: str = typer.Argument(help="A release (name, name@version or path), or a folder."),
    second: str = typer.Argument(help="Another."),
    epoch: int = typer.Option(0, min=0, help="Where answers are compared. Default: the last."),
    as_json: bool = typer.Option(False, "--json", help="As one JSON object."),
    home: Path | None = typer.Option(None, help="Data home. Default: NEPSBENCH_HOME."),
) -> None:
    """Compare the scores of two surrogates, and how far their answers lie apart.

    Example: nepsbench surrogate compare nepsbench101-digits@1.0.0 nepsbench101-digits@1.1.0
    """
    from dataclasses import asdict

    from nepsbench.surrogate.rivals import compare

    surrogates = [_surrogate(name, home) for name in (first, second)]
    found = compare(*surrogates, epoch=epoch or min(_last_epoch(each) for each in surrogates))
    lines = [json.dumps(asdict(found))] if as_json else list(_rival_lines(found))
    for line in lines:
        typer.echo(line)


def _surrogate(name: str, home: Path | None) -> FittedSurrogate:
    """Return a release's surrogate, or the one that ``surrogate fit`` wrote into a folder."""
    from nepsbench.client.locate import find_release
    from nepsbench.surrogate import FittedSurrogate

    folder = Path(name)
    if not (folder / "encoder.json").is_file():
        folder = find_release(name, home=home) / "surrogate"
    return FittedSurrogate.load(folder)


def _last_epoch(surrogate: FittedSurrogate) -> int:
    """Return the last epoch that a surrogate was fitted on, 1 if its metrics have none."""
    last = float(surrogate.region.high[-1])
    return max(int(last), 1)


def _rival_lines(found: Rivals) -> Iterator[str]:
    yield f"{'metric':24} {'':10} {'score':12} {'first':>8} {'second':>8} {'second is':>10}"
    for metric, parts in found.scores.items():
        for part, scores in parts.items():
            for name, (one, other) in scores.items():
                known = one is not None and other is not None
                by = f"{other - one:+.3f}" if known else "-"  # type: ignore[operator]
                values = " ".join("       -" if v is None else f"{v:8.3f}" for v in (one, other))
                yield f"{metric:24} {part:10} {name:12} {values} {by:>10}"
    yield ""
    yield f"{'answers agree':24} {'tau':>8} {'spearman':>8} {'mean difference':>16}"
    for metric, agreement in found.agreement.items():
        cells = [agreement[key] for key in ("kendall_tau", "spearman")]
        values = " ".join("       -" if v is None else f"{v:8.3f}" for v in cells)
        yield f"{metric:24} {values} {agreement['difference']:16.4g}"
    for place, only in zip(("first", "second"), found.only, strict=True):
        if only:
            yield f"only the {place} has {', '.join(only)}"
    for remark in found.remarks:
        yield f"note: {remark}"


def score_lines(card: Card) -> list[str]:
    """Return the scores of a card as a table, one line a metric."""
    lines = [f"{'metric':28} {'R2':>8} {'tau':>8} {'R2 end':>8} {'tau end':>8}"]
    for name, scores in card["metrics"].items():
        overall, last = scores["overall"], scores.get("last_epoch", {})
        numbers = [part.get(key) for part in (overall, last) for key in ("r2", "kendall_tau")]
        cells = " ".join("       -" if value is None else f"{value:8.3f}" for value in numbers)
        lines.append(f"{name:28} {cells}")
    return lines
