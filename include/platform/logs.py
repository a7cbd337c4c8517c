"""Logs that do not grow without end: those of the services, and Airflow's of tasks."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from include.platform.settings import Settings

#: A service's log is set aside beyond this size, and so many of them are kept.
MOST_BYTES, KEPT = 10 * 10**6, 5
#: Days that Airflow's logs of tasks are kept.
DAYS = 90


def rotate(settings: Settings, *, most: int = MOST_BYTES, days: float = DAYS) -> list[Path]:
    """Set large logs of services aside, and delete logs of tasks that are old.

    The services go on meanwhile: they write to the end of a file, which is copied and emptied.

    Returns:
        What was set aside or deleted.
    """
    changed = []
    for log in sorted(settings.logs.glob("*.log")):
        if log.stat().st_size > most:
            _set_aside(log)
            changed.append(log)
    return changed + _delete_old(settings.airflow / "logs", days)


def _set_aside(log: Path) -> None:
    """Copy a log to ``<name>.1``, the older ones one further, and empty it."""
    for number in range(KEPT - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    shutil.copy2(log, log.with_name(f"{log.name}.1"))
    with log.open("r+b") as opened:
        opened.truncate()


def _delete_old(folder: Path, days: float) -> list[Path]:
    """Delete files that were last written before so many days, and folders that are empty then."""
    oldest, gone = time.time() - days * 86_400, []
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.stat().st_mtime < oldest:
            path.unlink()
            gone.append(path)
        elif path.is_dir() and not any(path.iterdir()) and path.stat().st_mtime < oldest:
            path.rmdir()
    return gone
