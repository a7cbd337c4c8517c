"""``nepsbench campaign``: The stages of a regeneration, without Airflow."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nepsbench.cli.rows import JSON, echo_rows

if TYPE_CHECKING:
    from nepsbench.campaign.form import Campaign

app = typer.Typer(help="The stages of a regeneration, without Airflow.", no_args_is_help=True)

_HOME = typer.Option(None, help="Data home. Default: NEPSBENCH_HOME, else ./warehouse.")


@app.command()
def run(
    space: str | None = typer.Option(None, help="Search space. Default: nepsbench101."),
    dataset: str | None = typer.Option(None, help="Default: digits."),
    recipe: str | None = typer.Option(None, help="How trials are trained. Default: the space's."),
    first_stream: int | None = typer.Option(None, help="Of the bit-streams. Default: 0."),
    streams: int | None = typer.Option(None, help="How many bit-streams. Default: 4."),
    samples: int | None = typer.Option(None, help="Draws from each. Default: 16."),
    waves: str | None = typer.Option(None, help="Rising numbers of epochs. Default: 3,12."),
    cluster: str | None = typer.Option(None, help="Where jobs run. Default: local."),
    seed: int | None = typer.Option(None, help="One for all trials. Default: each draws its own."),
    release: str | None = typer.Option(None, help="Version of the release. Default: 1.0.0."),
    name: str | None = typer.Option(None, help="Of the campaign. Default: made from the values."),
    keep_weights: str | None = typer.Option(None, help="none, last, best, every N. Default: none."),
    form: Path | None = typer.Option(
        None, help="A form as JSON, as profile extend writes; other options go before what it says."
    ),
    only_train: bool = typer.Option(
        False, "--only-train", help="Stop when the last wave is in the warehouse: no release."
    ),
    home: Path | None = _HOME,
) -> None:
    """Run a whole campaign from this process; run again, it goes on where it stopped.

    Example: nepsbench campaign run --samples 2 --waves 1,2
    """
    from nepsbench.campaign.form import parse_campaign, read_form
    from nepsbench.home import data_home

    given = {
        "space": space,
        "dataset": dataset,
        "recipe": recipe,
        "first_stream": first_stream,
        "streams": streams,
        "samples": samples,
        "waves": waves,
        "cluster": cluster,
        "seed": seed,
        "release": release,
        "name": name,
        "keep_weights": keep_weights,
    }
    said = {key: value for key, value in given.items() if value is not None}
    values = read_form(form) if form is not None else {}
    _regenerate(parse_campaign(values | said), data_home(home), only_train=only_train)


def _regenerate(campaign: Campaign, home: Path, *, only_train: bool) -> None:
    """Run every stage, from the profile to the release; of searches, to the page of what is found.

    ``only_train``: stop when the last wave is collected.
    """
    from nepsbench.campaign.publish import check_benchmark, fit_surrogate, publish
    from nepsbench.campaign.run import run_campaign
    from nepsbench.cluster import load_cluster, open_cluster

    with open_cluster(load_cluster(campaign.cluster)) as cluster:
        run_campaign(campaign, home, cluster, say=typer.echo, bar=True)
    if campaign.searches:
        from nepsbench.campaign.searches import write_searches

        typer.echo(f"found: {write_searches(campaign, home)}")
        return
    if only_train:
        return
    check_benchmark(campaign.benchmark, home)
    fit_surrogate(campaign, home)
    path, _ = publish(campaign, home)
    typer.echo(f"release {path}")


@app.command()
def collect(
    name: str = typer.Argument(help="The campaign."),
    epochs: list[int] = typer.Option([], "--wave", help="Its milestone; may be given again."),
    as_json: bool = JSON,
    home: Path | None = _HOME,
) -> None:
    """Fetch what the waves of a campaign have brought so far into the warehouse; again is harmless.

    Example: nepsbench campaign collect nepsbench101-digits-25450fc7 --wave 12
    """
    from nepsbench.campaign.collect import collect_wave
    from nepsbench.campaign.folder import CampaignFolder
    from nepsbench.campaign.wave import existing_plans
    from nepsbench.cluster import load_cluster, open_cluster
    from nepsbench.home import data_home

    place = data_home(home)
    campaign = CampaignFolder(place, name).load()
    with open_cluster(load_cluster(campaign.cluster)) as cluster:
        waves = epochs or [e for e in campaign.waves if existing_plans(campaign, e, place)]
        rows = [
            {"wave": wave, "collected": collect_wave(campaign, wave, place, cluster).summary}
            for wave in waves
        ]
    echo_rows(rows, as_json=as_json)


@app.command()
def progress(
    name: str = typer.Argument(help="The campaign."),
    as_json: bool = JSON,
    home: Path | None = _HOME,
) -> None:
    """Tell how far a campaign's present wave is.

    Example: nepsbench campaign progress nepsbench101-digits-25450fc7
    """
    from nepsbench.campaign.folder import CampaignFolder
    from nepsbench.campaign.progress import campaign_progress
    from nepsbench.cluster import load_cluster, open_cluster
    from nepsbench.home import data_home

    campaign = CampaignFolder(data_home(home), name).load()
    with open_cluster(load_cluster(campaign.cluster)) as cluster:
        found = campaign_progress(campaign, data_home(home), cluster)
    if as_json:
        typer.echo(json.dumps(asdict(found)))
    else:
        typer.echo(
            f"wave {found.wave}: {found.left} of {found.planned} trials left their worker, "
            f"{found.epochs} epochs trained{', collected' if found.settled else ''}"
        )


@app.command("list")
def list_all(
    names: list[str] = typer.Argument(None, help="Campaigns. Default: all, newest first."),
    as_json: bool = JSON,
    page: Path | None = typer.Option(None, help="Write it as a page, too, HTML."),
    home: Path | None = _HOME,
) -> None:
    """Tell how all campaigns stand: stages, trials, CPU hours spent and predicted.

    Example: nepsbench campaign list --json
    """
    from nepsbench.campaign.board import standings
    from nepsbench.campaign.board_page import board_page
    from nepsbench.files import write_text
    from nepsbench.home import data_home

    found = standings(data_home(home), names or ())
    if page is not None:
        write_text(page, board_page(found, lambda _: {}))
    if as_json:
        echo_rows([each.as_json() for each in found], as_json=True)
        return
    rows = []
    for each in found:
        stage = next((s for s in each.stages if s.state != "done"), each.stages[-1])
        counts = {name: getattr(each, name) for name in ("done", "running", "failed", "left")}
        row = {"campaign": each.campaign.name, "stage": f"{stage.name} {stage.state}", **counts}
        rows.append({**row, "CPU hours": each.hours, "predicted": each.predicted})
    echo_rows(rows, as_json=False)


@app.command("initialize-here", hidden=True)
def initialize_here(
    directory: Path = typer.Argument(help="The campaign's folder on this cluster."),
    datasets: Path = typer.Option(..., help="Folder of prepared datasets."),
    job: Path = typer.Option(..., help="The job's folder."),
    recipe: str = typer.Option(..., help="How trials are trained."),
) -> None:
    """Run the initialize stage's job on the cluster: check the profile, prepare the dataset."""
    from nepsbench.campaign.initialize import initialize_here as run_here

    typer.echo(json.dumps(run_here(directory, datasets, job, recipe=recipe), indent=1))
