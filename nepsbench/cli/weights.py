"""``nepsbench weights``: weights that workers kept, listed and fetched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from nepsbench.campaign.weights import KeptWeights

app = typer.Typer(help="Weights that workers kept: list and fetch them.", no_args_is_help=True)

_CAMPAIGN = typer.Argument(help="The campaign.")
_TASKID = typer.Option(None, help="Only of this bit-stream.")
_MODEL_IDX = typer.Option(None, help="Only of this draw.")
_EPOCH = typer.Option(None, help="Only after this epoch.")
_HOME = typer.Option(None, "--home", help="Data home. Default: NEPSBENCH_HOME, else ./warehouse.")


@app.command("list")
def list_kept(
    name: str = _CAMPAIGN,
    taskid: int | None = _TASKID,
    model_idx: int | None = _MODEL_IDX,
    epoch: int | None = _EPOCH,
    as_json: bool = typer.Option(False, "--json", help="One JSON object a line."),
    home: Path | None = _HOME,
) -> None:
    """Print which weights a campaign's workers kept, as far as it was collected.

    Example: nepsbench weights list nepsbench101-digits-25450fc7
    """
    from nepsbench.home import data_home

    for each in _chosen(name, data_home(home), taskid, model_idx, epoch):
        here = str(each.path) if each.is_here else None
        if as_json:
            about = {n: getattr(each, n) for n in ("taskid", "model_idx", "config_id", "epoch")}
            typer.echo(json.dumps({**about, "sha256": each.sha256, "path": here}))
        else:
            key = f"taskid {each.taskid} model_idx {each.model_idx} epoch {each.epoch}"
            typer.echo(f"{each.sha256}  {key}{'  here' if here else ''}")


@app.command()
def fetch(
    name: str = _CAMPAIGN,
    sha256: list[str] | None = typer.Argument(None, help="Which ones, by SHA-256 or its start."),
    taskid: int | None = _TASKID,
    model_idx: int | None = _MODEL_IDX,
    epoch: int | None = _EPOCH,
    everything: bool = typer.Option(False, "--all", help="All of the campaign."),
    home: Path | None = _HOME,
) -> None:
    """Fetch kept weights from the cluster, file by file, and print where they lie.

    Example: nepsbench weights fetch nepsbench101-digits-25450fc7 --taskid 0 --model-idx 1
    """
    from nepsbench.campaign.folder import CampaignFolder
    from nepsbench.campaign.weights import fetch_weights
    from nepsbench.cluster import load_cluster, open_cluster
    from nepsbench.errors import SpecError
    from nepsbench.home import data_home

    place = data_home(home)
    if not everything and not sha256 and taskid is None and model_idx is None and epoch is None:
        raise SpecError("say which weights: a SHA-256, --taskid, --model-idx, --epoch, or --all")
    starts = tuple(sha256 or [""])
    chosen = [
        each
        for each in _chosen(name, place, taskid, model_idx, epoch)
        if each.sha256.startswith(starts)
    ]
    if not chosen:
        raise SpecError(f"campaign {name} has kept no such weights; see: nepsbench weights list")
    campaign = CampaignFolder(place, name).load()
    with open_cluster(load_cluster(campaign.cluster)) as cluster:
        for each in chosen:
            typer.echo(fetch_weights(each, name, place, cluster))


def _chosen(
    name: str, home: Path, taskid: int | None, model_idx: int | None, epoch: int | None
) -> list[KeptWeights]:
    """Return the kept weights that the options leave."""
    from nepsbench.campaign.weights import list_weights

    asked = (taskid, model_idx, epoch)
    return [
        each
        for each in list_weights(name, home)
        if all(
            wanted in (None, found)
            for wanted, found in zip(asked, (each.taskid, each.model_idx, each.epoch), strict=True)
        )
    ]
