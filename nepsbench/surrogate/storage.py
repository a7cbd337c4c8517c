"""Trees as arrays in one file, ``trees.npz``, that numpy reads alone, without pickle."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import CorruptedFileError
from nepsbench.surrogate.region import Region
from nepsbench.surrogate.trees import Trees

TREES = "trees.npz"
_PARTS = ("feature", "border", "leaf", "bias")


def write_trees(path: Path, models: Mapping[str, Trees], region: Region) -> None:
    """Write the trees of each model, and the region; the same ones are the same bytes."""
    arrays: dict[str, NDArray[Any]] = {"names": np.array(list(models))}
    arrays |= {"region.low": region.low, "region.high": region.high}
    for name, trees in models.items():
        for part in _PARTS:
            arrays[f"{name}.{part}"] = np.asarray(getattr(trees, part))
    buffer = BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    path.write_bytes(buffer.getvalue())


def read_trees(path: Path) -> tuple[dict[str, Trees], Region]:
    """Return what :func:`write_trees` wrote, in its order.

    Raises:
        CorruptedFileError: If it is no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            models = {
                name: Trees(
                    feature=file[f"{name}.feature"],
                    border=file[f"{name}.border"],
                    leaf=file[f"{name}.leaf"],
                    bias=float(file[f"{name}.bias"]),
                )
                for name in file["names"].tolist()
            }
            return models, Region(file["region.low"], file["region.high"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        line = str(error).strip().partition("\n")[0]
        raise CorruptedFileError(
            f"{path}: no trees of a surrogate ({line}); fetch or fit the surrogate again"
        ) from None
