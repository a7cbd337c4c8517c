"""``nepsbench search``: studies of optimisers, run, reported, reproduced."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nepsbench.cli.rows import JSON, echo_rows
from nepsbench.home import data_home

if TYPE_CHECKING:
    from nepsbench.search.standing import Result
    from nepsbench.search.studying import Progress

app = typer.Typer(help="Optimisers, compared on a release.", no_args_is_help=True)

_HOME = typer.Option(None, "--home", help="Data home. Default: NEPSBENCH_HOME or ./warehouse.")
_JOBS = typer.Option(1, "--jobs", min=1, help="Processes.")


@app.command()
def run(
    study: Path = typer.Argument(help="A study: a YAML file, see docs/searching.md."),
    jobs: int = _JOBS,
    tracking_uri: str | None = typer.Option(
        None, envvar="MLFLOW_TRACKING_URI", help="MLflow server to log every search to."
    ),
    home: Path | None = _HOME,
) -> None:
    """Run every search of a study that is missing, and print how the optimisers stand.

    Example: nepsbench search run study.yaml --jobs 2
    """
    from nepsbench.search.study import read_study
    from nepsbench.search.studying import run_study

    read = read_study(study)
    with _progress_bar(read.study) as progress:
        run_study(read, data_home(home), jobs=jobs, progress=progress)
    _report([read.study], data_home(home))
    if tracking_uri:
        from nepsbench.tracking.searches import log_study

        typer.echo(
            f"{log_study(tracking_uri, _result(read.study, data_home(home)))} runs in MLflow"
        )


@app.command()
def oneshot(
    method: str = typer.Argument(help="darts, darts_second_order, gdas, setn, enas, ..."),
    output: Path = typer.Option(..., "--output", "-o", help="Folder that remembers the search."),
    space: str = typer.Option("nasbench201", help="Where to search: nasbench201, darts, ..."),
    dataset: str = typer.Option("cifar10", help="What to search on."),
    seed: int = typer.Option(0, min=0, help="Of everything."),
    epochs: int | None = typer.Option(None, min=1, help="The last epoch. Default: all."),
    schedule: int | None = typer.Option(
        None, min=1, help="Epochs of the whole schedule. Default: as published."
    ),
    parameters: list[str] = typer.Option(
        [], "--set", help="A parameter of the search: Width=8, Depth=1, ArchitectureRate=0.02."
    ),
    release: str | None = typer.Option(None, help="A table of the space to judge the cell by."),
    datasets: Path | None = typer.Option(
        None, help="Folder of prepared datasets. Default: one in the user's cache."
    ),
    home: Path | None = _HOME,
) -> None:
    """Search an architecture with one network that holds them all; run again, it goes on.

    Example: nepsbench search oneshot gdas -o gdas-0 --dataset digits --schedule 4 --set Depth=1
    """
    import nepsbench
    from nepsbench.client.training import datasets_folder, require_training
    from nepsbench.datasets import prepare
    from nepsbench.search.oneshot.alone import Search

    require_training()
    search = Search.of(
        space, method, dataset=dataset, seed=seed, schedule=schedule, changes=parameters
    )
    folder = datasets_folder(datasets)
    prepare(dataset, folder)

    def tell(epoch: int, metrics: Mapping[str, float]) -> None:
        said = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        typer.echo(f"epoch {epoch}: {said}")

    found = search.run(output, datasets=folder, epochs=epochs, report=tell)
    typer.echo(f"found {found.told} after {found.epochs} epochs")
    if release is not None:
        from nepsbench.search.oneshot.standing import standing

        bench = nepsbench.load(release, home=data_home(home))
        stands = standing(bench, found.configuration)
        typer.echo(
            f"{release}: {stands.metric} {stands.value:.2f}, better than {stands.beaten:.0%} of "
            f"{stands.drawn} random ones (mean {stands.mean:.2f})"
        )


@app.command()
def found(
    campaign: str = typer.Argument(help="A campaign of searches."),
    release: str | None = typer.Option(None, help="A table of the space to judge by."),
    as_json: bool = JSON,
    home: Path | None = _HOME,
) -> None:
    """Write the page of what the searches of a campaign found, and how it was trained.

    Example: nepsbench search found oneshot_nasbench201-cifar10-1f0c2b9a
    """
    from nepsbench.campaign.folder import CampaignFolder
    from nepsbench.campaign.searches import write_searches

    place = data_home(home)
    loaded = CampaignFolder(place, campaign).load()
    page = write_searches(loaded, place, release=release)
    typer.echo(page.with_suffix(".json").read_text() if as_json else str(page))


@app.command()
def finals(
    campaign: str = typer.Argument(help="A campaign of searches."),
    output: Path = typer.Option(
        ..., "--output", "-o", help="The form to write, JSON: for campaign run --form or a DAG."
    ),
    waves: str = typer.Option(..., help="Rising numbers of epochs."),
    recipe: str = typer.Option("", help="How it is trained. Default: the found space's."),
    changes: list[str] = typer.Option([], "--set", help="A parameter, as Width=8."),
    home: Path | None = _HOME,
) -> None:
    """Write the form of the campaign that trains what the searches of another found.

    Example: nepsbench search finals oneshot_darts-ecg-1f0c2b9a -o finals.json --waves 2,10
    """
    import json

    from nepsbench.campaign.folder import CampaignFolder
    from nepsbench.campaign.searches import finals_form, read_finals
    from nepsbench.files import write_text
    from nepsbench.search.oneshot.alone import read_changes

    place = data_home(home)
    given = read_finals({"waves": waves, "recipe": recipe, "changes": read_changes(changes)})
    form = finals_form(CampaignFolder(place, campaign).load(), place, given)
    write_text(output, json.dumps(form, indent=1) + "\n")
    typer.echo(
        f"{output}: {form['samples']} trainings; start them with: nepsbench campaign run "
        f"--only-train --form {output}"
    )


@app.command()
def compare(
    campaigns: list[str] = typer.Argument(help="Of searches, or of NAS-Bench-360's backbones."),
    output: Path = typer.Option(Path(), "--output", "-o", help="Folder of the page."),
    home: Path | None = _HOME,
) -> None:
    """Set campaigns beside NAS-Bench-360's published table: errors, budgets, ranks, profiles.

    Example: nepsbench search compare darts-ecg densenas-ecg amber-ecg -o report
    """
    from nepsbench.campaign.tasks360 import entries_of
    from nepsbench.campaign.tasks360_page import write_comparison

    entries = [entry for name in campaigns for entry in entries_of(name, data_home(home))]
    typer.echo(str(write_comparison(entries, output)))


@app.command()
def report(
    studies: list[str] = typer.Argument(None, help="Studies that were run. Default: list them."),
    home: Path | None = _HOME,
) -> None:
    """Print how the optimisers stand, and write the leaderboard of one study or several.

    Example: nepsbench search report nasbench201-cifar10
    """
    from nepsbench.search.studying import study_names

    if studies:
        _report(studies, data_home(home))
        return
    echo_rows([{"study": name} for name in study_names(data_home(home))], as_json=False)


@app.command()
def reproduce(
    study: str = typer.Argument(help="A study that was run."),
    row: str = typer.Argument(help="An optimiser of it, as its row is called."),
    seed: int | None = typer.Option(None, min=0, help="Only this search. Default: all."),
    jobs: int = _JOBS,
    home: Path | None = _HOME,
) -> None:
    """Run the searches of a row again, and compare every evaluation with what is stored.

    Example: nepsbench search reproduce nasbench201-cifar10 evolution --seed 7
    """
    from nepsbench.search.studying import reproduce_row

    done = reproduce_row(study, row, data_home(home), seed=seed, jobs=jobs)
    if done.difference:
        typer.echo(f"error: {row} of {study}: {done.difference}", err=True)
        raise typer.Exit(1)
    typer.echo(f"{row} of {study}: {done.searches} searches, {done.evaluations} evaluations, equal")


def optimisers(as_json: bool = JSON) -> None:
    """List the optimisers, and the arguments that each takes.

    Example: nepsbench search optimisers
    """
    from nepsbench.search.registry import describe

    rows = [{"optimiser": name, "arguments": told} for name, told in describe()]
    echo_rows(rows, as_json=as_json)


app.command("optimisers")(optimisers)


def _result(name: str, home: Path) -> Result:
    from nepsbench.search.standing import result_of
    from nepsbench.search.studying import load_study

    return result_of(*load_study(name, home))


def _report(names: Sequence[str], home: Path) -> None:
    from nepsbench.search.leaderboard import write_leaderboard
    from nepsbench.search.studying import study_folder

    results = [_result(name, home) for name in names]
    for result in results:
        _print(result)
    folder = study_folder(names[0], home)
    if len(names) > 1:
        folder = folder.parent / "+".join(names)
    typer.echo(write_leaderboard(results, folder))


def _print(result: Result) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from nepsbench.search.leaderboard import value_name

    table = Table(box=box.SIMPLE_HEAD, title=f"{result.study.study}: {value_name(result)}")
    for name in ("optimiser", "mean", "± error", "best", "rank", "ahead", "evaluations", "hours"):
        table.add_column(name, justify="left" if name == "optimiser" else "right")
    for each in result.standings:
        table.add_row(
            each.row, f"{each.mean:.5g}", f"{each.error:.2g}", f"{each.best:.5g}",
            f"{each.rank:.2f}", f"{each.lead:+.1f}", f"{each.evaluations:.0f}",
            f"{each.seconds / 3600:.3g}",
        )  # fmt: skip
    Console(width=None if sys.stdout.isatty() else 120).print(table)


@contextmanager
def _progress_bar(title: str) -> Iterator[Progress]:
    """Show how many searches are done; on a screen."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
