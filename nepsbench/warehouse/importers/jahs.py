"""JAHS-Bench-201's metric data: frames of NEPSBench-101's trials, a row an epoch.

``raw.pkl.gz`` is what was measured; in ``train_set``, ``valid_set`` and ``test_set`` its authors
filled gaps (accuracy 0, losses and durations 100 times the largest), which cannot be told from
measurements. Two layouts are read: that of the published files (``features`` and ``labels``), and
the metric frame (``train``, ``valid``, ``test``, ``diagnostic``, ``model_config``).
Source: Bansal et al., JAHS-Bench-201 (NeurIPS 2022); jahs_bench_201,
``docs/performance_dataset.md`` and ``tabular/scripts/clean_data.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nepsbench.errors import CorruptedFileError, SpecError
from nepsbench.warehouse.importers import Option, Progress
from nepsbench.warehouse.importers.block import Block
from nepsbench.warehouse.importers.jahs_rows import Numbering, blocks_of, rows_of
from nepsbench.warehouse.importers.pandas_frame import read_frame

DATASETS = ("cifar10", "colorectal_histology", "fashion_mnist")
_RAW = "raw.pkl.gz"
_SETS = ("train_set.pkl.gz", "valid_set.pkl.gz", "test_set.pkl.gz")


def sources(path: Path, **options: Option) -> list[Path]:
    """Return a frame's file, or of a folder ``raw.pkl.gz`` or else its three sets.

    Raises:
        SpecError: If there is none, or the dataset is not known.
    """
    _dataset(path, options)
    if path.is_file():
        return [path]
    if (path / _RAW).is_file():
        return [path / _RAW]
    sets = [path / name for name in _SETS if (path / name).is_file()]
    if not sets:
        raise SpecError(
            f"{path}: no JAHS-Bench-201 data; give a folder with {_RAW}, or with "
            f"{', '.join(_SETS)}, or one of these files"
        )
    return sets


def read(path: Path, *, progress: Progress, **options: Option) -> Iterator[Block]:
    """Yield the published trials; a frame is in memory as a whole.

    Option ``dataset``: its name, where the folder's name is not that of a dataset.
    """
    dataset = _dataset(path, options)
    files = sources(path, **options)
    numbering = Numbering()
    for done, file in enumerate(files):
        frame = read_frame(file)
        try:
            rows = rows_of(frame)
        except (KeyError, ValueError, TypeError) as error:
            raise CorruptedFileError(
                f"{file}: not as published: {error}; get the published file"
            ) from None
        del frame
        for share, block in blocks_of(rows, dataset=dataset, numbering=numbering):
            yield block
            progress(int(1000 * (done + share)), 1000 * len(files))


def _dataset(path: Path, options: dict[str, Option]) -> str:
    folder = path.resolve() if path.is_dir() else path.resolve().parent
    dataset = str(options.get("dataset", folder.name))
    if dataset not in DATASETS:
        raise SpecError(
            f"{path}: whose results are these? dataset {dataset!r} is none of "
            f"{', '.join(DATASETS)}; give the option dataset"
        )
    return dataset
