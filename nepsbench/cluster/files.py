"""Files to and from a cluster: to a temporary name, checked by sha256, then renamed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from uuid import uuid4

from nepsbench.cluster import frame
from nepsbench.cluster.interface import Transport
from nepsbench.cluster.shell import fill, quote, words
from nepsbench.errors import ClusterError
from nepsbench.files import sha256_of, storage_errors

#: Names in one script: what a script may hold without growing past what a login node likes.
_BATCH = 500


def put_files(transport: Transport, pairs: Sequence[tuple[Path, str]]) -> None:
    """Copy local files to absolute names on the cluster; each is there whole or not at all.

    Raises:
        ClusterError: If one did not arrive as it was sent; it then keeps its temporary name.
    """
    for start in range(0, len(pairs), _BATCH):
        batch = pairs[start : start + _BATCH]
        folders = sorted({str(PurePosixPath(target).parent) for _, target in batch})
        _run(transport, f"mkdir -p -- {words(folders)}")
        lines = []
        for source, target in batch:
            temporary = f"{target}.{uuid4().hex[:8]}.part"
            transport.put(source, temporary)
            lines.append(words(["settle", sha256_of(source), temporary, target]))
        _run(transport, fill("settle", calls="\n".join(lines)), timeout=600)


def fetch_files(transport: Transport, directory: str, pattern: str, into: Path) -> list[Path]:
    """Copy the files below ``directory`` whose relative path matches ``pattern`` to ``into``.

    ``*`` in the pattern matches any characters. A file that grows meanwhile arrives as a
    beginning of what it will be.

    Returns:
        The local paths, sorted; the relative paths are kept.

    Raises:
        ClusterError: If one did not arrive as it was there.
        StorageError: If the disk here is full; files that were here before stay as they are.
    """
    names = [name for name in list_files(transport, directory, pattern) if name]
    fetched: list[Path] = []
    for start in range(0, len(names), _BATCH):
        batch = names[start : start + _BATCH]
        arrivals = {name: into / f"{name}.{uuid4().hex[:8]}.part" for name in batch}
        try:
            with storage_errors(into):
                _fetch_batch(transport, directory, arrivals)
                fetched += [arrivals[name].replace(into / name) for name in batch]
        finally:
            for temporary in arrivals.values():
                temporary.unlink(missing_ok=True)
    return fetched


def list_files(transport: Transport, directory: str, pattern: str) -> list[str]:
    """Return the relative paths of the files below ``directory`` that match ``pattern``, sorted."""
    script = (
        f"cd {quote(directory)} 2>/dev/null || exit 0\n"
        f"find . -type f -path {quote(f'./{pattern}')} ! -name '*.part' -printf '%P\\n'"
    )
    return sorted(_run(transport, script).splitlines())


def _fetch_batch(transport: Transport, directory: str, arrivals: dict[str, Path]) -> None:
    for name, temporary in arrivals.items():
        temporary.parent.mkdir(parents=True, exist_ok=True)
        transport.get(f"{directory}/{name}", temporary)
    _check_arrivals(transport, directory, arrivals)


def _check_arrivals(transport: Transport, directory: str, arrivals: dict[str, Path]) -> None:
    calls = (
        f"head -c {path.stat().st_size} -- {quote(f'{directory}/{name}')} | sha256sum"
        for name, path in arrivals.items()
    )
    answers = _run(transport, "set -o pipefail\n" + "\n".join(calls), timeout=600).splitlines()
    for (name, path), answer in zip(arrivals.items(), answers, strict=True):
        if answer.partition(" ")[0] != sha256_of(path):
            raise ClusterError(f"{directory}/{name} did not arrive as it is there; fetch again")


def _run(transport: Transport, script: str, *, timeout: float = 60.0) -> str:
    answer = transport.run(frame.wrap(script), timeout=timeout)
    whole = frame.unwrap(answer, script)
    if whole is None:
        raise ClusterError("the cluster's answer was cut short; try again")
    if whole.exit_code != 0:
        raise ClusterError(f"on the cluster: {' '.join(whole.stderr.split())}")
    return whole.stdout
