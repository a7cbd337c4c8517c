"""Generate, verify, store, publish and query NAS and HPO benchmarks.

Importing this package loads nothing heavy: :func:`load`, :func:`train` and :func:`open_trial` fetch
what they need on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nepsbench.errors import NepsbenchError

if TYPE_CHECKING:
    from nepsbench.client import load
    from nepsbench.client.training import open_trial, train

__version__ = "0.1.0"
__all__ = ["NepsbenchError", "__version__", "load", "open_trial", "train"]


def __getattr__(name: str) -> Any:
    """Import a function on its first use, so that ``import nepsbench`` stays light."""
    if name == "load":
        from nepsbench.client import load

        return load
    if name in ("open_trial", "train"):
        from nepsbench.client import training

        return getattr(training, name)
    raise AttributeError(f"module 'nepsbench' has no attribute {name!r}")
