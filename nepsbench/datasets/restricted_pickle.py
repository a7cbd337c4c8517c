"""Pickles of strangers: arrays and plain values are rebuilt, and nothing else."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

from nepsbench.errors import DatasetError


def _encode(text: str, _encoding: str) -> bytes:
    """Stand in for ``_codecs.encode``, by which Python 3 writes bytes for Python 2."""
    return text.encode("latin1")


_RECONSTRUCT = np.empty(0).__reduce__()[0]
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
}


class _PlainUnpickler(pickle.Unpickler):
    """Knows the names that an array needs, so that no pickle can call anything else."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"asks for {module}.{name}") from None


def load_plain(content: bytes, *, origin: str) -> Any:
    """Return what a pickle of arrays and plain values holds; Python 2 strings become bytes.

    Raises:
        DatasetError: If it is damaged, or asks for anything else.
    """
    try:
        return _PlainUnpickler(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a damaged pickle can raise anything
        raise DatasetError(
            f"{origin}: not a pickle of plain arrays ({error}); get the published file"
        ) from None
