"""Who waits for a job: so that a run that is stopped leaves the job of another run alone.

Two runs of the same campaign share its jobs, which both know by their keys; the last one that
claimed a job owns it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nepsbench.campaign.folder import CampaignFolder
from nepsbench.files import write_text


def claim(home: Path, campaign: str, keys: Iterable[str], owner: str) -> None:
    """Make ``owner`` the one who waits for these jobs."""
    for key in keys:
        write_text(_file(home, campaign, key), owner)


def owned(home: Path, campaign: str, keys: Iterable[str], owner: str) -> list[str]:
    """Return the keys that ``owner`` claimed and nobody after it."""
    found = []
    for key in keys:
        path = _file(home, campaign, key)
        if path.exists() and path.read_text() == owner:
            found.append(key)
    return found


def _file(home: Path, campaign: str, key: str) -> Path:
    return CampaignFolder(home, campaign).path / "owners" / key
