"""SLURM's way to write a time limit.

Source: the manual page of ``sbatch``, option ``--time``.
"""

from __future__ import annotations

import re

from nepsbench.errors import SpecError

_FORMS = tuple(
    re.compile(form, flags=re.ASCII)
    for form in (
        r"(?P<days>\d+)-(?P<hours>\d+)(:(?P<minutes>\d+)(:(?P<seconds>\d+))?)?",
        r"(?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>\d+)",
        r"(?P<minutes>\d+)(:(?P<seconds>\d+))?",
    )
)
_UNITS = {"days": 86_400, "hours": 3600, "minutes": 60, "seconds": 1}


def parse_time_limit(text: str) -> int:
    """Return the seconds of ``D-HH[:MM[:SS]]``, ``HH:MM:SS``, ``MM:SS`` or ``MM``.

    Two numbers mean minutes and seconds unless days stand before them, as SLURM has it.

    Raises:
        SpecError: If ``text`` has another form, or is no time at all.
    """
    for form in _FORMS:
        match = form.fullmatch(text.strip())
        if match:
            parts = match.groupdict()
            seconds = sum(int(parts.get(unit) or 0) * size for unit, size in _UNITS.items())
            if seconds > 0:
                return seconds
    raise SpecError(f"time limit {text!r} is not understood; write D-HH:MM[:SS], HH:MM:SS or MM")


def format_time_limit(seconds: float) -> str:
    """Return ``D-HH:MM:SS``, part seconds rounded up so that the limit is never shorter."""
    minutes, second = divmod(int(-(-seconds // 1)), 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return f"{day}-{hour:02}:{minute:02}:{second:02}"
