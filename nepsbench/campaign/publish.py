"""Stages *check*, *surrogate* and *release*: from the warehouse to a publication."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from nepsbench.audit.record import last_audit
from nepsbench.campaign.folder import CampaignFolder
from nepsbench.campaign.form import Campaign
from nepsbench.campaign.wave import first_unfinished_wave, has_unfinished_wave
from nepsbench.errors import NepsbenchError
from nepsbench.files import storage_errors, write_text
from nepsbench.notes import note_of
from nepsbench.release import Request, build_release_from, info_of, views_as_source
from nepsbench.spaces import get_space
from nepsbench.surrogate import Card, FittedSurrogate, evaluate, fit
from nepsbench.surrogate.tuned import tuned_settings
from nepsbench.warehouse import open_warehouse
from nepsbench.warehouse.commits import Commit, content_name


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
    trials, epochs = open_warehouse(home).tables(benchmark)
    if not trials.num_rows:
        raise _nothing_of(benchmark, home)
    return trials, epochs


def publish_benchmark(
    benchmark: str,
    version: str,
    home: Path,
    *,
    surrogate: Path | None = None,
    fit_surrogate: bool | None = None,
) -> Path:
    """Check a benchmark and build a release of it, of whatever origin and size.

    Args:
        benchmark: Its name in the warehouse.
        version: The release's.
        home: The data home.
        surrogate: Folder of a fitted surrogate.
        fit_surrogate: Fit one; by default where no trial was imported. Needs the tables in memory.

    Raises:
        NepsbenchError: If the warehouse holds nothing of it, or what it holds is not sound.
        ConflictError: If this version was published with another content.
        StorageError: If the disk is full.
    """
    check_benchmark(benchmark, home)
    warehouse = open_warehouse(home)
    with warehouse.connect(benchmark) as connection:
        trials = connection.sql("FROM trials")
        if not trials.limit(1).fetchall():
            raise _nothing_of(benchmark, home)
        info = info_of(trials)
        space = warehouse.space(info["space"])
        if about := _about(benchmark, warehouse.commit):
            info["about"] = about
        fitted = None
        if surrogate is not None:
            fitted = FittedSurrogate.load(surrogate, space)
        elif fit_surrogate or (fit_surrogate is None and "origin" not in info):
            fitted = judged_surrogate(benchmark, home)
        audit = _audit(benchmark, home)
        request = Request(benchmark, version, info, home / "releases", fitted, audit)
        return build_release_from(views_as_source(connection, space), request)


def _audit(benchmark: str, home: Path) -> dict[str, Any] | None:
    """Return what a manifest says of the last audit of the benchmark, if there was one."""
    record = last_audit(benchmark, home)
    return None if record is None else record.summary()


def _about(benchmark: str, commit: Commit) -> dict[str, str]:
    """Return whom to cite for an imported benchmark, by what licence; nothing for our own."""
    profiles = {file.profile for file in commit.select(benchmark=benchmark)}
    imports = [entry for entry in commit.imports if profiles & set(entry.profiles)]
    if not imports:
        return {}
    note = note_of(benchmark)
    known = note.short() if note else {}
    for entry in imports:
        said = entry.about.get(benchmark, {})
        known |= {key: said[key] for key in ("title", "citation", "licence", "url") if key in said}
    return known


def _nothing_of(benchmark: str, home: Path) -> NepsbenchError:
    return NepsbenchError(f"{home}: the warehouse holds no trials of benchmark {benchmark!r}")


def judged_surrogate(benchmark: str, home: Path, *, threads: int = 1) -> FittedSurrogate:
    """Return a surrogate with its scores on configurations not seen, by tuned settings if any are.

    Raises:
        NepsbenchError: If the warehouse holds too little of the benchmark.
    """
    trials, epochs = benchmark_tables(benchmark, home)
    space = info_of(trials)["space"]
    boosting = tuned_settings(benchmark, open_warehouse(home).commit.state_of(benchmark), home)
    card = evaluate(trials, epochs, space=space, threads=threads, boosting=boosting)
    fitted = fit(trials, epochs, space=space, threads=threads, boosting=boosting)
    return replace(fitted, card=card)


def fit_surrogate(campaign: Campaign, home: Path) -> FittedSurrogate:
    """Judge a surrogate on unseen configurations, then fit it on all; once for the same tables.

    What the campaign has published already is taken from there.

    Raises:
        NepsbenchError: If too few configurations were trained.
    """
    folder = _surrogate_folder(campaign, home)
    if (folder / "card.json").exists():
        return FittedSurrogate.load(folder, get_space(campaign.space))
    fitted = judged_surrogate(campaign.benchmark, home)
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
    folder = _surrogate_folder(campaign, home)
    if not (folder / "card.json").exists():
        raise NepsbenchError(
            f"the tables of {campaign.benchmark} have no surrogate yet; "
            "run the fit_surrogate stage first"
        )
    return folder


def publish(campaign: Campaign, home: Path) -> tuple[Path, Card]:
    """Build the campaign's release of its benchmark; once for the same results of the campaign.

    Returns:
        The release's folder and its surrogate card.

    Raises:
        NepsbenchError: If a wave of the campaign is not finished.
        ConflictError: If this version was published with another content.
        StorageError: If the disk is full.
    """
    if has_unfinished_wave(campaign, home):
        raise NepsbenchError(
            f"campaign {campaign.name}: wave {first_unfinished_wave(campaign, home)} is not "
            "finished; train and collect it before the release"
        )
    surrogate = FittedSurrogate.load(surrogate_folder(campaign, home), get_space(campaign.space))
    if (published := _published(campaign, home)) is not None:
        return published, surrogate.card or {}
    info = {"space": campaign.space, "dataset": campaign.dataset, "recipe": campaign.recipe}
    audit = _audit(campaign.benchmark, home)
    target = home / "releases"
    request = Request(campaign.benchmark, campaign.release, info, target, surrogate, audit)
    with open_warehouse(home).connect(campaign.benchmark) as connection:
        source = views_as_source(connection, get_space(campaign.space))
        path = build_release_from(source, request)
    write_text(_record(campaign, home), _own_state(campaign, home))
    return path, surrogate.card or {}


def _surrogate_folder(campaign: Campaign, home: Path) -> Path:
    """Return where the surrogate of the present tables is, or will be."""
    if (published := _published(campaign, home)) is not None:
        return published / "surrogate"
    state = open_warehouse(home).commit.state_of(campaign.benchmark)
    settings = tuned_settings(campaign.benchmark, state, home)
    name = state if settings is None else f"{state}-{content_name([repr(settings)])}"
    return CampaignFolder(home, campaign.name).path / "surrogate" / name


def _published(campaign: Campaign, home: Path) -> Path | None:
    """Return the release that this campaign built of the results it has now, or None.

    Other campaigns may have added to the benchmark since: that makes a release of their own.
    """
    record = _record(campaign, home)
    release = home / "releases" / campaign.benchmark / campaign.release
    known = record.exists() and record.read_text() == _own_state(campaign, home)
    return release if known and release.exists() else None


def _record(campaign: Campaign, home: Path) -> Path:
    return CampaignFolder(home, campaign.name).path / "published" / campaign.release


def _own_state(campaign: Campaign, home: Path) -> str:
    files = open_warehouse(home).commit.files
    return content_name(f.sha256 for f in files if f.profile == campaign.name)


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
