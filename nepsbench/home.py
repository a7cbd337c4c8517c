"""Where the data home is: the folder with the warehouse, the campaigns and the releases."""

from __future__ import annotations

import os
from pathlib import Path


def data_home(home: Path | str | None = None) -> Path:
    """Return ``home``, or the environment's ``NEPSBENCH_HOME``, or ``./warehouse``."""
    return Path(home or os.environ.get("NEPSBENCH_HOME") or "warehouse").expanduser().absolute()
