"""Kept weights: which are asked for, where they lie, and how a trial's row tells them.

A campaign's folder, here and on the cluster, has ``weights/<2 hex digits>/<sha256>.safetensors``.
The column ``kept_weights`` of ``trials`` is a JSON object, from epoch to SHA-256.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

#: ``none``, ``last``, ``best`` or ``every <epochs>``.
KEEP_PATTERN = r"^(none|last|best|every [1-9][0-9]{0,4})$"
NONE = "none"


@dataclass(frozen=True)
class KeepRule:
    """Which epochs' weights are kept.

    Attributes:
        last: Those of the last epoch of every wave.
        best: Those of the best epoch by the validation metric, up to the end of every wave.
        every: Those of every so many epochs; 0 for none.
    """

    last: bool = False
    best: bool = False
    every: int = 0

    @classmethod
    def parse(cls, text: str) -> KeepRule:
        """Return the rule that a text of :data:`KEEP_PATTERN` says."""
        word, _, number = text.partition(" ")
        return cls(last=word == "last", best=word == "best", every=int(number or 0))


def weights_path(digest: str) -> str:
    """Return where the weights with this SHA-256 lie below a campaign's folder."""
    return f"weights/{digest[:2]}/{digest}.safetensors"


def column_of(kept: Mapping[int, str]) -> str | None:
    """Return the value of the column ``kept_weights``; None where nothing was kept."""
    if not kept:
        return None
    return json.dumps({str(epoch): kept[epoch] for epoch in sorted(kept)}, separators=(",", ":"))


def kept_in(column: str | None) -> dict[int, str]:
    """Return SHA-256 by epoch, from the value of the column ``kept_weights``."""
    if column is None:
        return {}
    return {int(epoch): digest for epoch, digest in json.loads(column).items()}
