"""Files to and from a cluster: to a temporary name, checked by sha256, then renamed.

A temporary file outlives a break of the connection, and whoever sends or fetches the same again
goes on where it stopped. What arrived is compared as a whole, its old beginning included; if it
differs, it is thrown away and copied anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TypeVar

from nepsbench.cluster import frame
from nepsbench.cluster.interface import Transport
from nepsbench.cluster.shell import fill, quote, words
from nepsbench.errors import ClusterError, UnreachableError
from nepsbench.files import sha256_of, storage_errors

_T = TypeVar("_T")

#: Names in one script: what a script may hold without growing past what a login node likes.
_BATCH = 500
#: Seconds to wait before another try, when the connection broke or what arrived differs.
_PAUSES = (0.5, 2.0)


class _DifferingError(ClusterError):
    """A file is not what was sent; its temporary copy is gone, so that the next one is anew."""


def put_files(transport: Transport, pairs: Sequence[tuple[Path, str]]) -> None:
    """Copy local files to absolute names on the cluster; each is there whole or not at all.

    A file that is there already is not sent again.

    Raises:
        UnreachableError: If the connection broke again and again; repeat it to go on from there.
        ClusterError: If one did not arrive as it was sent, or cannot be written there.
    """
    for start in range(0, len(pairs), _BATCH):
        batch = pairs[start : start + _BATCH]
        _persist(partial(_put_batch, transport, batch))


def fetch_files(transport: Transport, directory: str, pattern: str, into: Path) -> list[Path]:
    """Copy the files below ``directory`` whose relative path matches ``pattern`` to ``into``.

    ``*`` in the pattern matches any characters. A file that grows meanwhile arrives as a
    beginning of what it will be, at least as long as it was.

    Returns:
        The local paths, sorted; the relative paths are kept.

    Raises:
        UnreachableError: If the connection broke again and again; repeat it to go on from there.
        ClusterError: If one did not arrive as it was there.
        StorageError: If the disk here is full; files that were here before stay as they are.
    """
    sizes = _persist(partial(_sizes, transport, directory, pattern))
    names = sorted(sizes)
    if not names:
        return []
    with storage_errors(into), _alone_in(into):
        for start in range(0, len(names), _BATCH):
            batch = {name: sizes[name] for name in names[start : start + _BATCH]}
            _persist(partial(_fetch_batch, transport, directory, batch, into))
    return [into / name for name in names]


def list_files(transport: Transport, directory: str, pattern: str) -> list[str]:
    """Return the relative paths of the files below ``directory`` that match ``pattern``, sorted."""
    return sorted(_sizes(transport, directory, pattern))


@dataclass(frozen=True)
class _Parcel:
    """A file on its way to a cluster; the temporary name tells what it will hold."""

    source: Path
    target: str
    size: int
    digest: str

    @property
    def temporary(self) -> str:
        return f"{self.target}.{self.digest[:12]}.part"


def _put_batch(transport: Transport, pairs: Sequence[tuple[Path, str]]) -> None:
    parcels = [
        _Parcel(source, target, source.stat().st_size, sha256_of(source))
        for source, target in pairs
    ]
    there = _receive(transport, parcels)
    left = [parcel for number, parcel in enumerate(parcels) if number in there]
    for number, parcel in enumerate(parcels):
        if there.get(number, parcel.size) < parcel.size:
            transport.put(parcel.source, parcel.temporary)
    if differing := _settle(transport, left):
        raise _DifferingError(f"{', '.join(differing)} did not arrive as sent; try again")


def _receive(transport: Transport, parcels: Sequence[_Parcel]) -> dict[int, int]:
    """Make room; return how many bytes are there of each that is not there whole, by number."""
    folders = sorted({str(PurePosixPath(parcel.target).parent) for parcel in parcels})
    calls = [f"mkdir -p -- {words(folders)}"]
    for number, parcel in enumerate(parcels):
        facts = [str(number), parcel.digest, str(parcel.size), parcel.temporary, parcel.target]
        calls.append(words(["receive", *facts]))
    answer = _run(transport, fill("files", calls="\n".join(calls)), timeout=600)
    lines = (line.split() for line in answer.splitlines())
    return {int(number): int(bytes_there) for number, bytes_there in lines}


def _settle(transport: Transport, parcels: Sequence[_Parcel]) -> list[str]:
    """Give what arrived its name; return the names of what did not arrive as it was sent."""
    if not parcels:
        return []
    calls = (
        words(["settle", str(number), parcel.digest, parcel.temporary, parcel.target])
        for number, parcel in enumerate(parcels)
    )
    answer = _run(transport, fill("files", calls="\n".join(calls)), timeout=600)
    return [parcels[int(number)].target for number in answer.split()]


def _sizes(transport: Transport, directory: str, pattern: str) -> dict[str, int]:
    """Return the size of each file below ``directory`` that matches, by relative path."""
    script = (
        f"cd {quote(directory)} 2>/dev/null || exit 0\n"
        f"find . -type f -path {quote(f'./{pattern}')} ! -name '*.part' -printf '%s %P\\0'"
    )
    entries = (entry.partition(" ") for entry in _run(transport, script).split("\0") if entry)
    return {name: int(size) for size, _, name in entries}


def _fetch_batch(
    transport: Transport, directory: str, sizes: Mapping[str, int], into: Path
) -> None:
    arrivals = {name: into / f"{name}.part" for name in sizes}
    for name, temporary in arrivals.items():
        temporary.parent.mkdir(parents=True, exist_ok=True)
        if not temporary.exists() or temporary.stat().st_size < sizes[name]:
            transport.get(f"{directory}/{name}", temporary)
    differing = _differing(transport, directory, arrivals)
    differing += [n for n, path in arrivals.items() if path.stat().st_size < sizes[n]]
    for name in differing:
        arrivals[name].unlink()
    if differing:
        raise _DifferingError(f"{directory}/{differing[0]} did not arrive as it is there")
    for name, temporary in arrivals.items():
        temporary.replace(into / name)


def _differing(transport: Transport, directory: str, arrivals: Mapping[str, Path]) -> list[str]:
    """Return the names of those that are no beginning of what is there."""
    calls = (
        f"head -c {path.stat().st_size} -- {quote(f'{directory}/{name}')} | sha256sum"
        for name, path in arrivals.items()
    )
    answers = _run(transport, "set -o pipefail\n" + "\n".join(calls), timeout=600).splitlines()
    return [
        name
        for (name, path), answer in zip(arrivals.items(), answers, strict=True)
        if answer.partition(" ")[0] != sha256_of(path)
    ]


def _persist(action: Callable[[], _T]) -> _T:
    """Do ``action``; again after a pause, when the connection broke or something differs."""
    for pause in _PAUSES:
        try:
            return action()
        except (UnreachableError, _DifferingError):
            time.sleep(pause)
    return action()


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until nobody else fetches into ``folder``: temporary files have one writer."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".fetching.part"
    while True:
        with path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Whoever held it before has removed it: then this is a lock on nothing.
            if not path.exists() or path.stat().st_ino != os.fstat(file.fileno()).st_ino:
                continue
            try:
                yield
            finally:
                path.unlink()
            return


def _run(transport: Transport, script: str, *, timeout: float = 60.0) -> str:
    answer = transport.run(frame.wrap(script), timeout=timeout)
    whole = frame.unwrap(answer, script)
    if whole is None:
        raise UnreachableError("the cluster's answer was cut short; try again")
    if whole.exit_code != 0:
        raise ClusterError(f"on the cluster: {' '.join(whole.stderr.split())}")
    return whole.stdout
