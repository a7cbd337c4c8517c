"""Questions to processes that may end while they are asked."""

from __future__ import annotations

import psutil


def is_running(pid: int) -> bool:
    """Whether a process runs; an orphan may stay a zombie where nobody looks after orphans."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def command_of(process: psutil.Process) -> list[str]:
    """The words that a process was started with; none of one that has ended."""
    try:
        words: list[str] = process.cmdline()
    except psutil.NoSuchProcess:  # a zombie, too
        return []
    return words
