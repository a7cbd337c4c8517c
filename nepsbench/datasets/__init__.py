"""What a configuration is trained on: prepared arrays with stored splits.

Preparing needs numpy; :func:`open_dataset` gives torch tensors, and torch is imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nepsbench.datasets.preparation import about, dataset_names, prepare
from nepsbench.datasets.record import DatasetRecord

if TYPE_CHECKING:
    from nepsbench.datasets.opening import Dataset, open_dataset

__all__ = [
    "Dataset",
    "DatasetRecord",
    "about",
    "dataset_names",
    "open_dataset",
    "prepare",
]


def __getattr__(name: str) -> Any:
    """Import the torch half on first use."""
    if name in ("Dataset", "open_dataset"):
        from nepsbench.datasets import opening

        return getattr(opening, name)
    raise AttributeError(f"module 'nepsbench.datasets' has no attribute {name!r}")
