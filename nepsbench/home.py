"""Where the data home is: the folder with the warehouse, the campaigns and the releases."""

from __future__ import annotations

import os
from pathlib import Path

from nepsbench.errors import StorageError


def data_home(home: Path | str | None = None) -> Path:
    """Return ``home``, or the environment's ``NEPSBENCH_HOME``, or ``./warehouse``."""
    return Path(home or os.environ.get("NEPSBENCH_HOME") or "warehouse").expanduser().absolute()


def warehouse_home(home: Path | str | None = None) -> Path:
    """Return the data home if it holds a warehouse: a mistyped one must not become an empty one.

    Raises:
        StorageError: If it holds none.
    """
    folder = data_home(home)
    if not (folder / "commits").is_dir():
        raise StorageError(
            f"{folder}: holds no warehouse; give its folder with --home or NEPSBENCH_HOME"
        )
    return folder
