"""Who waits for a job: so that an old try, when it is told to stop, leaves a newer try's job alone.

Airflow may start the next try of a cleared task before it tells the old one to stop. Both know the
job by its key; the last one that claimed it owns it.
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
