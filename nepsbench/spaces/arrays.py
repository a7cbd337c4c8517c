"""Dataclasses of arrays, each array a ``.npy`` file: written once, memory-mapped when opened."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import CorruptedFileError

if TYPE_CHECKING:
    from dataclasses import Field

    from typing_extensions import Self


class ArrayFiles:
    """A base for frozen dataclasses whose fields are all arrays."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def save(self, directory: Path) -> None:
        """Write one ``.npy`` file an array, little-endian, without pickle."""
        directory.mkdir(parents=True, exist_ok=True)
        for field in fields(self):
            array: NDArray[Any] = getattr(self, field.name)
            ordered = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
            np.save(directory / f"{field.name}.npy", ordered, allow_pickle=False)

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Map what :meth:`save` wrote into memory; nothing is read until it is asked for.

        Raises:
            CorruptedFileError: If a file is missing or no array.
        """
        arrays = {}
        for field in fields(cls):
            path = directory / f"{field.name}.npy"
            try:
                mapped = np.load(path, mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError, EOFError):
                raise CorruptedFileError(f"{path}: not an array; fetch the release again") from None
            arrays[field.name] = mapped.view(np.ndarray)
        return cls(**arrays)
