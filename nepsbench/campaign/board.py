"""How every campaign stands: from its folder, the warehouse and the ledger; no cluster is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nepsbench.campaign.folder import CampaignFolder
from nepsbench.campaign.form import Campaign
from nepsbench.campaign.plans import PlannedWave
from nepsbench.campaign.wave import existing_plans
from nepsbench.cluster.interface import Phase
from nepsbench.cluster.ledger import open_ledger
from nepsbench.errors import NepsbenchError
from nepsbench.release.manifest import MANIFEST, read_manifest
from nepsbench.warehouse import open_warehouse

_SECONDS = 3600
#: Outcomes after which a trial is not trained any further.
_ENDED = ("diverged",)
_FAILED = ("failed", "oom")


@dataclass(frozen=True)
class Stage:
    """A step of a campaign.

    Attributes:
        name: What it is called.
        state: ``done``, ``running`` or ``waiting``.
        detail: More, in a few words; may be empty.
    """

    name: str
    state: str
    detail: str = ""


@dataclass(frozen=True)
class Standing:
    """How a campaign stands.

    Attributes:
        campaign: What was asked for.
        stages: Its steps, in order.
        trials: Trials of the profile.
        done: Those trained to their last wave, or ended by divergence.
        running: Those in a job that runs now.
        failed: Those that failed or ran out of memory.
        hours: CPU hours that all epochs in the warehouse took.
        predicted: CPU hours of the whole campaign, by the mean epoch so far; None before any.
        release: The folder of its release, if that is built.
    """

    campaign: Campaign
    stages: tuple[Stage, ...]
    trials: int
    done: int
    running: int
    failed: int
    hours: float
    predicted: float | None
    release: Path | None = None

    @property
    def left(self) -> int:
        """Trials that wait: for their first epoch or for their next wave."""
        return self.trials - self.done - self.running - self.failed

    @property
    def is_open(self) -> bool:
        """Whether a job of it runs or stands in line."""
        return any(stage.state == "running" for stage in self.stages)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        numbers = ("trials", "done", "running", "failed", "left", "hours", "predicted")
        return {
            "campaign": self.campaign.name,
            "benchmark": self.campaign.benchmark,
            "stages": [vars(stage) for stage in self.stages],
            **{name: getattr(self, name) for name in numbers},
            "release": None if self.release is None else str(self.release),
        }


def campaign_names(home: Path) -> list[str]:
    """Return the names of all campaigns, the one that was changed last first."""
    files = (home / "campaigns").glob("*/campaign.json")
    return [file.parent.name for file in sorted(files, key=_age)]


def standing_of(name: str, home: Path) -> Standing:
    """Return how a campaign stands.

    Raises:
        SpecError: If there is no campaign of that name.
        CorruptedFileError: If a file of the warehouse is damaged.
    """
    folder = CampaignFolder(home, name)
    campaign = folder.load()
    rows = _trials(name, home)
    total = campaign.streams * campaign.samples
    failed = sum(row["status"] in _FAILED for row in rows)
    seconds = sum(row["seconds"] or 0.0 for row in rows)
    epochs = sum(row["epochs"] for row in rows)
    cpus = campaign.spec().needs.cpus
    waves = [_wave(campaign, place, home) for place in range(len(campaign.waves))]
    settled = {
        epochs
        for epochs, (stage, _) in zip(campaign.waves, waves, strict=True)
        if stage.state == "done"
    }
    done = sum(_is_done(row, campaign, settled) for row in rows)
    running = sum(busy for _, busy in waves)
    # A trial that has done its last epoch may still be in a job that trains others.
    running = min(running, total - done - failed)
    expected = expected_epochs(campaign, total)
    return Standing(
        campaign=campaign,
        stages=(
            Stage("profile", "done" if folder.profile_file.exists() else "waiting"),
            Stage("initialize", "done" if folder.environment_file.exists() else "waiting"),
            *(stage for stage, _ in waves),
            *_last_stages(campaign, home),
        ),
        trials=total,
        done=done,
        running=running,
        failed=failed,
        hours=seconds * cpus / _SECONDS,
        predicted=seconds / epochs * expected * cpus / _SECONDS if epochs else None,
        release=_release(campaign, home),
    )


def expected_epochs(campaign: Campaign, trials: int) -> int:
    """Return the epochs that all waves train, the fewer trials of later rungs counted."""
    total, before = 0, 0
    for epochs in campaign.waves:
        total += trials * (epochs - before)
        before = epochs
        trials = max(1, trials // campaign.promote) if campaign.promote else trials
    return total


def _wave(campaign: Campaign, place: int, home: Path) -> tuple[Stage, int]:
    """Return a wave's stage, and how many trials are in jobs of it that run."""
    epochs = campaign.waves[place]
    plans, name = existing_plans(campaign, epochs, home), f"wave {epochs}"
    if not plans:
        return Stage(name, "waiting"), 0
    if plans[-1].is_settled:
        return Stage(name, "done"), 0
    phases = _phases(plans[-1], home)
    told = Counter(phase for phase, _ in phases)
    detail = ", ".join(f"{count} {phase}" for phase, count in sorted(told.items()))
    busy = sum(trials for phase, trials in phases if phase == Phase.ACTIVE.value)
    return Stage(name, "running", f"jobs: {detail}"), busy


def _phases(wave: PlannedWave, home: Path) -> list[tuple[str, int]]:
    """Return each job's phase, and how many trials it has."""
    folders = wave.job_folders()
    keys = [wave.job_key(folder) for folder in folders]
    with open_ledger(home) as ledger:
        latest = {each.key: each.phase.value for each in ledger.attempts(keys)}
    trials = [_count_trials(folder / "portfolios.jsonl") for folder in folders]
    return [(latest.get(key, "waiting"), count) for key, count in zip(keys, trials, strict=True)]


def _count_trials(portfolios: Path) -> int:
    return portfolios.read_text().count('"model_idx"')


def _last_stages(campaign: Campaign, home: Path) -> list[Stage]:
    if campaign.searches:
        page = CampaignFolder(home, campaign.name).path / "searches.html"
        return [Stage("found", "done" if page.exists() else "waiting")]
    return [Stage("release", "done" if _release(campaign, home) else "waiting")]


def _release(campaign: Campaign, home: Path) -> Path | None:
    """Return the release that holds the campaign's trials, if it is built."""
    path = home / "releases" / campaign.benchmark / campaign.release
    if not (path / MANIFEST).exists():
        return None
    return path if campaign.name in read_manifest(path).provenance["profile"] else None


def _trials(profile: str, home: Path) -> list[dict[str, Any]]:
    found = open_warehouse(home).query(
        "select status, trials.epochs, seconds from trials left join "
        "(select taskid, model_idx, arg_max(runtime, epoch) as seconds from epochs "
        "where profile = $profile group by all) using (taskid, model_idx) "
        "where profile = $profile",
        profile=profile,
    )
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def _is_done(row: dict[str, Any], campaign: Campaign, settled: set[int]) -> bool:
    """Return whether no wave will train the trial again; ``settled`` are waves that are over."""
    if row["status"] in _ENDED:
        return True
    later = [epochs for epochs in campaign.waves if epochs > row["epochs"]]
    stayed_behind = campaign.promote is not None and bool(settled.intersection(later))
    return row["status"] == "complete" and (not later or stayed_behind)


def _age(file: Path) -> float:
    return -file.stat().st_mtime


def standings(home: Path, names: Sequence[str] = ()) -> list[Standing]:
    """Return how campaigns stand: all of them, or those that are named.

    Whose folder cannot be read is left out: the stage that needs it tells why.
    """
    found = []
    for name in names or campaign_names(home):
        try:
            found.append(standing_of(name, home))
        except NepsbenchError:
            if names:
                raise
    return found
