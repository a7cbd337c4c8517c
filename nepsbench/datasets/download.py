"""Downloading a published file whole."""

from __future__ import annotations

import urllib.error
import urllib.request

from nepsbench.errors import DatasetError

_TIMEOUT = 60.0


def download(address: str) -> bytes:
    """Return the bytes at ``address``; the caller verifies them.

    Raises:
        DatasetError: If they cannot be had.
    """
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT) as answer:
            content: bytes = answer.read()
    except (OSError, urllib.error.URLError) as error:
        reason = getattr(error, "reason", error)
        raise DatasetError(
            f"{address}: cannot be downloaded ({reason}); fetch it elsewhere and put it "
            "into the dataset's folder below NEPSBENCH_DATA"
        ) from None
    return content
