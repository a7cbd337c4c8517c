"""Generate, verify, store, publish and query NAS and HPO benchmarks.

Importing this package loads nothing heavy: :func:`load` fetches what it needs on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nepsbench.errors import NepsbenchError

if TYPE_CHECKING:
    from nepsbench.client import load

__version__ = "0.1.0"
__all__ = ["NepsbenchError", "__version__", "load"]


def __getattr__(name: str) -> Any:
    """Import :func:`load` on first use, so that ``import nepsbench`` stays light."""
    if name == "load":
        from nepsbench.client import load

        return load
    raise AttributeError(f"module 'nepsbench' has no attribute {name!r}")
