"""The piece of a bit-stream that a profile uses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StreamRange:
    """Words ``first_word`` to ``end_word`` (not included) of bit-stream ``taskid``."""

    scheme: str
    taskid: int
    first_word: int
    end_word: int
