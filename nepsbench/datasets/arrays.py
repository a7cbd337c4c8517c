"""Arrays from the files of others: .npy, .npz, .mat and pickles, without running any of them."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import DatasetError
from nepsbench.plain_pickle import load_plain

_NOT_AN_ARRAY_FILE = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)


def read_npy(path: Path) -> NDArray[Any]:
    """Return the array of a ``.npy`` file: mapped, or, of objects, rebuilt as plain data.

    Raises:
        DatasetError: If the file is missing, truncated, or asks for more than plain data.
    """
    try:
        with path.open("rb") as file:
            _, _, dtype = _npy_header(file)
            content = file.read() if dtype.hasobject else b""
        if not dtype.hasobject:
            mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
            return mapped
    except _NOT_AN_ARRAY_FILE as error:
        raise _unreadable(path, error) from None
    return np.asarray(load_plain(content, origin=str(path), error=DatasetError, encoding="latin1"))


def parse_npy(content: bytes, *, origin: str) -> NDArray[Any]:
    """Return the array of a ``.npy`` file's content; see :func:`read_npy`.

    Raises:
        DatasetError: If it is truncated, or asks for more than plain data.
    """
    from io import BytesIO

    file = BytesIO(content)
    try:
        shape, fortran, dtype = _npy_header(file)
        if not dtype.hasobject:
            flat = np.frombuffer(content, dtype, offset=file.tell())
            return flat.reshape(shape, order="F" if fortran else "C")
    except _NOT_AN_ARRAY_FILE as error:
        raise _unreadable(origin, error) from None
    loaded = load_plain(file.read(), origin=origin, error=DatasetError, encoding="latin1")
    return np.asarray(loaded)


def _npy_header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, fortran, dtype = read(file)
    return shape, fortran, dtype


def read_npz(path: Path, name: str) -> NDArray[Any]:
    """Return one array of an ``.npz`` file.

    Raises:
        DatasetError: If the file is missing or truncated, or holds no such array.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            if name not in file.files:
                raise DatasetError(
                    f"{path}: holds no array {name}, only {', '.join(file.files)}; get the "
                    "published file"
                )
            array: NDArray[Any] = file[name]
            return array
    except _NOT_AN_ARRAY_FILE as error:
        raise _unreadable(path, error) from None


def read_mat(path: Path, name: str, *, rows: int, step: int) -> NDArray[np.float32]:
    """Return the first ``rows`` of a MATLAB array of maps, each ``step``-th place in both axes.

    MATLAB's files of version 7.3 are HDF5 and need h5py; older ones are read by scipy.

    Raises:
        DatasetError: If the file is missing or truncated, or holds no such array.
    """
    if not path.is_file():
        raise DatasetError(f"{path}: no such file; get the published file")
    try:
        if _is_hdf5(path):
            return _read_hdf5(path, name, rows=rows, step=step)
        from scipy.io import loadmat

        array = loadmat(path, variable_names=[name])[name]
        return np.ascontiguousarray(array[:rows, ::step, ::step], dtype=np.float32)
    except DatasetError:
        raise
    except Exception as error:  # a damaged file can raise anything
        raise _unreadable(path, error, lacks=name) from None


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        return b"MATLAB 7.3" in file.read(128)


def _read_hdf5(path: Path, name: str, *, rows: int, step: int) -> NDArray[np.float32]:
    try:
        import h5py
    except ImportError:
        raise DatasetError(
            f"{path}: a MATLAB 7.3 file, which needs h5py; run: pip install h5py"
        ) from None
    with h5py.File(path) as file:
        # MATLAB's last axis is HDF5's first.
        part = file[name][::step, ::step, :rows]
    return np.ascontiguousarray(np.transpose(part), dtype=np.float32)


def read_pickle(path: Path, *, encoding: str = "latin1") -> Any:
    """Return the plain data of a pickle, which may be packed by gzip.

    Raises:
        DatasetError: If it is missing or truncated, or asks for more than plain data.
    """
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error) from None
    return load_plain(content, origin=str(path), error=DatasetError, encoding=encoding)


def require_shape(
    array: NDArray[Any], shape: tuple[int | None, ...], *, origin: str | Path, what: str
) -> None:
    """Refuse an array of another shape; None stands for any length.

    Raises:
        DatasetError: If a dimension differs; says which shape was found.
    """
    if array.ndim != len(shape) or any(
        wanted not in (None, found) for found, wanted in zip(array.shape, shape, strict=True)
    ):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise DatasetError(
            f"{origin}: {what} has the shape {array.shape}, expected ({wanted}); get the "
            "published file again"
        )


def require_labels(labels: NDArray[Any], classes: int, *, origin: str | Path) -> NDArray[np.int64]:
    """Return class numbers as int64.

    Raises:
        DatasetError: If one is not in 0 to ``classes`` - 1.
    """
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise DatasetError(
            f"{origin}: labels from {labels.min()} to {labels.max()}, expected 0 to "
            f"{classes - 1}; get the published file again"
        )
    return np.asarray(labels, dtype=np.int64)


def _unreadable(origin: str | Path, error: Exception, *, lacks: str = "") -> DatasetError:
    reason = " ".join(str(error).split()) or type(error).__name__
    what = f"truncated, of another format, or without {lacks}" if lacks else "truncated or damaged"
    if isinstance(error, FileNotFoundError):
        return DatasetError(f"{origin}: no such file; get the published file")
    return DatasetError(f"{origin}: {what} ({reason}); get the published file again")
