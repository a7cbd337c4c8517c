"""Energy from the counters of the CPU (RAPL), as Linux shows them below ``/sys/class/powercap``.

Source: the kernel's ``Documentation/power/powercap/powercap.rst``. Counters are in microjoules and
begin again from 0 beyond ``max_energy_range_uj``. Many systems let only root read them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")

#: What no zone draws for long, in watts, where it does not tell its own limits.
_MOST_WATTS = 1000.0
_MICRO = 1e-6


@dataclass(frozen=True)
class Zone:
    """A counter.

    Attributes:
        path: Its folder.
        span: Microjoules after which it begins again.
        watts: The most that it draws for long; the highest of its power limits.
    """

    path: Path
    span: int
    watts: float


def find_zones(root: Path = POWERCAP) -> tuple[Zone, ...]:
    """Return the counters to add up: every CPU package, and memory beside them.

    Cores and graphics are parts of a package. The platform's counter (``psys``) and the copies in
    ``intel-rapl-mmio`` count again what packages count.

    Args:
        root: The folder of power zones; without one, or with none that may be read, none is found.
    """
    found = []
    for path in sorted(root.glob("intel-rapl:*")):
        name = _text(path / "name")
        span = _number(path / "max_energy_range_uj")
        counts = name.startswith("package") or name == "dram"
        if counts and span and _number(path / "energy_uj") is not None:
            found.append(Zone(path, span, _most_watts(path)))
    return tuple(found)


def read_counters(zones: Sequence[Zone]) -> dict[Path, int]:
    """Return the microjoules on each counter now; one that cannot be read is left out."""
    counted = {zone.path: _number(zone.path / "energy_uj") for zone in zones}
    return {path: value for path, value in counted.items() if value is not None}


def joules_between(
    zones: Sequence[Zone], before: Mapping[Path, int], after: Mapping[Path, int], seconds: float
) -> float | None:
    """Return the energy between two readings, or None where they do not tell it.

    They do not where there is no counter, one is missing from a reading, or ``seconds`` lie between
    them in which one could have begun again twice.
    """
    if not zones:
        return None
    joules = 0.0
    for zone in zones:
        known = zone.path in before and zone.path in after
        if not known or zone.watts * seconds >= zone.span * _MICRO:
            return None
        joules += (after[zone.path] - before[zone.path]) % zone.span * _MICRO
    return joules


def _most_watts(path: Path) -> float:
    limits = [_number(each) for each in path.glob("constraint_*_power_limit_uw")]
    known = [limit * _MICRO for limit in limits if limit]
    return max(known, default=_MOST_WATTS)


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isascii() and text.isdigit() else None


def _text(path: Path) -> str:
    """Return what a file of the kernel says; nothing if it is missing or not ours to read."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
