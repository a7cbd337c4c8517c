"""What can go wrong with the services."""

from __future__ import annotations

from nepsbench.errors import NepsbenchError


class PlatformError(NepsbenchError):
    """A service does not start, does not answer, or refuses a request."""
