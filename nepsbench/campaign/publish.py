"""Stages *check*, *surrogate* and *release*: from the warehouse to a publication."""

from __future__ import annotations

import shutil
from hashlib import sha256
from pathlib import Path

import pyarrow as pa

from nepsbench.campaign.folder import CampaignFolder
from nepsbench.campaign.form import Campaign
from nepsbench.errors import NepsbenchError
from nepsbench.files import storage_errors
from nepsbench.release import build_release
from nepsbench.spaces import get_space
from nepsbench.surrogate import Card, FittedSurrogate, evaluate, fit
from nepsbench.warehouse import open_warehouse


def check_benchmark(benchmark: str, home: Path) -> None:
    """Prove that the benchmark's files and values are sound; a release is built of nothing else.

    Raises:
        NepsbenchError: If a check found an error; names the check and its first row.
        CorruptedFileError: If a file of the warehouse is not what was written.
    """
    warehouse = open_warehouse(home)
    warehouse.verify()
    warehouse.check(benchmark=benchmark).require_clean()


def benchmark_tables(benchmark: str, home: Path) -> tuple[pa.Table, pa.Table]:
    """Return all trials and all epochs of a benchmark, of every campaign that added to it.

    Raises:
        NepsbenchError: If the warehouse holds nothing of it.
    """
    with open_warehouse(home).connect() as connection:
        trials, epochs = (
            connection.sql(
                f"select * from {table} where benchmark = $benchmark order by all",
                params={"benchmark": benchmark},
            ).to_arrow_table()
            for table in ("trials", "epochs")
        )
    if not trials.num_rows:
        raise NepsbenchError(f"{home}: the warehouse holds no trials of benchmark {benchmark!r}")
    return trials, epochs


def fit_surrogate(campaign: Campaign, home: Path) -> FittedSurrogate:
    """Judge a surrogate on unseen configurations, then fit it on all; once for the same tables.

    Raises:
        NepsbenchError: If no trial has ended.
    """
    space = get_space(campaign.space)
    folder = CampaignFolder(home, campaign.name).path / "surrogate" / _state(campaign, home)
    if (folder / "card.json").exists():
        return FittedSurrogate.load(folder, space)
    trials, epochs = benchmark_tables(campaign.benchmark, home)
    card = evaluate(trials, epochs, space=campaign.space)
    fitted = fit(trials, epochs, space=campaign.space)
    fitted = FittedSurrogate(fitted.encoder, fitted.models, card)
    building = folder.with_name(f".{folder.name}.part")
    with storage_errors(folder):
        fitted.save(building)
        building.replace(folder)
    _drop_others(folder)
    return fitted


def surrogate_folder(campaign: Campaign, home: Path) -> Path:
    """Return where the surrogate of the benchmark's present tables lies.

    Raises:
        NepsbenchError: If it was not fitted.
    """
    folder = CampaignFolder(home, campaign.name).path / "surrogate" / _state(campaign, home)
    if not (folder / "card.json").exists():
        raise NepsbenchError(
            f"the tables of {campaign.benchmark} have no surrogate yet; "
            "run the fit_surrogate stage first"
        )
    return folder


def publish(campaign: Campaign, home: Path) -> tuple[Path, Card]:
    """Build the campaign's release of its benchmark; the same content again does nothing.

    Returns:
        The release's folder and its surrogate card.

    Raises:
        ConflictError: If this version was published with another content.
        StorageError: If the disk is full.
    """
    space = get_space(campaign.space)
    surrogate = FittedSurrogate.load(surrogate_folder(campaign, home), space)
    trials, epochs = benchmark_tables(campaign.benchmark, home)
    path = build_release(
        name=campaign.benchmark,
        version=campaign.release,
        benchmark_info={
            "space": campaign.space,
            "dataset": campaign.dataset,
            "recipe": campaign.recipe,
        },
        trials=trials,
        epochs=epochs,
        surrogate=surrogate,
        card=surrogate.card,
        target=home / "releases",
    )
    return path, surrogate.card or {}


def _state(campaign: Campaign, home: Path) -> str:
    """Return a name for the present content of the benchmark's tables."""
    files = open_warehouse(home).commit.files
    hashes = sorted(f.sha256 for f in files if f.benchmark == campaign.benchmark)
    return sha256("".join(hashes).encode()).hexdigest()[:16]


def _drop_others(kept: Path) -> None:
    """Remove surrogates of earlier tables."""
    for folder in kept.parent.iterdir():
        if folder != kept:
            shutil.rmtree(folder)


def register_surrogate(campaign: Campaign, home: Path, tracking_uri: str) -> str:
    """Log the surrogate's scores and files to MLflow and register it as a model.

    Returns:
        The registered model's name and version.

    Raises:
        NepsbenchError: If it was not fitted.
    """
    from nepsbench.tracking import log_surrogate

    folder = surrogate_folder(campaign, home)
    card = FittedSurrogate.load(folder, get_space(campaign.space)).card or {}
    _, version = log_surrogate(
        tracking_uri,
        experiment=campaign.benchmark,
        release_name=campaign.benchmark,
        scores=card.get("metrics", {}),
        files=folder,
    )
    return f"{campaign.benchmark} version {version}"
