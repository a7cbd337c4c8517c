"""The query client: answers from the table, the surrogate, or by training live.

    >>> import nepsbench
    >>> bench = nepsbench.load("nepsbench101-digits")          # doctest: +SKIP
    >>> bench(bench.sample(seed=1), epoch=12)["valid_acc"]     # doctest: +SKIP

Importing this package loads numpy, and so does a surrogate; training live loads torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from nepsbench.client.benchmark import Answer, Benchmark
from nepsbench.client.locate import find_release
from nepsbench.errors import NepsbenchError
from nepsbench.release.verification import verify_once

if TYPE_CHECKING:
    from nepsbench.client.live import LiveBenchmark
    from nepsbench.client.surrogate import SurrogateBenchmark
    from nepsbench.client.table import TableBenchmark

__all__ = ["Answer", "Benchmark", "load"]

KINDS = ("table", "surrogate", "live")


@overload
def load(
    name: str | Path,
    *,
    kind: Literal["table"] = "table",
    version: str | None = None,
    home: str | Path | None = None,
) -> TableBenchmark: ...


@overload
def load(
    name: str | Path,
    *,
    kind: Literal["surrogate"],
    version: str | None = None,
    home: str | Path | None = None,
) -> SurrogateBenchmark: ...


@overload
def load(
    name: str | Path,
    *,
    kind: Literal["live"],
    version: str | None = None,
    home: str | Path | None = None,
    datasets: str | Path | None = None,
    checkpoints: str | Path | None = None,
    progress: bool = False,
) -> LiveBenchmark: ...


@overload
def load(
    name: str | Path,
    *,
    kind: str,
    version: str | None = None,
    home: str | Path | None = None,
    datasets: str | Path | None = None,
    checkpoints: str | Path | None = None,
    progress: bool = False,
) -> Benchmark: ...


def load(
    name: str | Path,
    *,
    kind: str = "table",
    version: str | None = None,
    home: str | Path | None = None,
    datasets: str | Path | None = None,
    checkpoints: str | Path | None = None,
    progress: bool = False,
) -> Benchmark:
    """Open a release as an objective function.

    The first opening hashes every file; later ones cost milliseconds, see ``verify_once``.

    Args:
        name: ``name``, ``name@version``, or the path of a release's folder.
        kind: ``table`` (what was recorded), ``surrogate`` (predictions for any configuration) or
            ``live`` (train now).
        version: Instead of ``@version``; the newest without either.
        home: Where ``releases/`` lies; default ``NEPSBENCH_HOME``, else ``warehouse``.
        datasets: Where ``live`` keeps prepared datasets; default a folder in the user's cache.
        checkpoints: A folder where ``live`` remembers trials, so that none is trained twice.
        progress: Whether ``live`` shows a bar, on standard error.

    Raises:
        NepsbenchError: If there is no such release or kind, or an extra is not installed.
        CorruptedFileError: If a file is not what was published.
        VersionMismatchError: If the release is of a version that this nepsbench does not know.
    """
    if kind not in KINDS:
        raise NepsbenchError(f"unknown kind {kind!r}; choose one of {', '.join(KINDS)}")
    release = find_release(name, home=home, version=version)
    manifest = verify_once(release)
    if kind == "surrogate":
        from nepsbench.client.surrogate import SurrogateBenchmark

        return SurrogateBenchmark(release, manifest)
    if kind == "live":
        from nepsbench.client.live import LiveBenchmark

        return LiveBenchmark(
            release, manifest, datasets=datasets, checkpoints=checkpoints, progress=progress
        )
    from nepsbench.client.table import TableBenchmark

    return TableBenchmark(release, manifest)
