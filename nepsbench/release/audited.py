"""What a release, or an audit itself, says of how much of a benchmark was trained again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def audit_line(audit: Mapping[str, Any] | None) -> str:
    """Return an audit's summary in one line; ``audit`` is as a manifest holds it."""
    if audit is None:
        return "no part of it was trained again in an audit before it was built"
    counts = [f"{count} {verdict}" for verdict, count in audit["verdicts"].items() if count]
    damage = f"; {audit['damage']}" if audit["damage"] else ""
    return (
        f"{audit['sample']} of {audit['population']} trials trained again up to epoch "
        f"{audit['epochs']} on {audit['cluster']}, seed {audit['seed']}: {', '.join(counts)} "
        f"({audit['finished'][:10]}, by {audit['by']}){damage}"
    )
