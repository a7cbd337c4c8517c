"""From any notation of a configuration to the configuration, without a table of a release."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from nepsbench.client.places import Query, parse_query
from nepsbench.errors import InvalidConfigurationError
from nepsbench.files import storage_errors
from nepsbench.release.verification import cache_directory
from nepsbench.spaces import Configuration, Space, cells

if TYPE_CHECKING:
    from nepsbench.spaces.nasbench101_hashes import HashIndex

_HASH_DIGITS = 32


def configuration_of(space: Space, query: Query) -> Configuration:
    """Return the configuration that a query stands for, as :func:`parse_query` does.

    Beyond that, NAS-Bench-101's hashes are looked up among all cells, and NAS-Bench-201's string is
    a cell of nepsbench101 with all else at its default.

    Raises:
        InvalidConfigurationError: If it stands for none of the space.
    """
    if isinstance(query, str) and space.name in _READERS:
        return _READERS[space.name](query)
    return parse_query(space, query)


def query_of_text(space: Space, text: str) -> Query:
    """Return what a word of the command line says: JSON, a number, or else a notation.

    Raises:
        InvalidConfigurationError: If it begins like JSON and is none.
    """
    word = text.strip()
    if word.isascii() and word.isdigit() and len(word) < _HASH_DIGITS and _has_numbers(space, word):
        return int(word)
    if not word.startswith(("{", "[")):
        return word
    try:
        value = json.loads(word)
    except ValueError as error:
        raise InvalidConfigurationError(f"{word[:60]}: not JSON: {error}") from None
    is_pair = isinstance(value, list) and space.name == "nasbench101"
    return tuple(value) if is_pair else value


def _has_numbers(space: Space, word: str) -> bool:
    """Return whether digits are a number: six of them are a cell of NAS-Bench-201."""
    return not (space.name == "nasbench201" and len(word) == len(cells.NATS_EDGES))


def _of_hash(text: str) -> Configuration:
    from nepsbench.spaces import nasbench101
    from nepsbench.spaces.nasbench101_hashes import as_digest

    as_digest(text)  # says what is wrong before any hash is made
    return nasbench101.parse(text, hashes=_hashes())


def _of_cell(text: str) -> Configuration:
    from nepsbench.spaces.nepsbench101 import from_arch_str

    return from_arch_str(text)


_READERS = {"nasbench101": _of_hash, "nepsbench101": _of_cell}


@cache
def _hashes() -> HashIndex:
    """Return the hashes of all cells of NAS-Bench-101, made once and kept in the user's cache."""
    from nepsbench.spaces.nasbench101_hashes import HashIndex

    folder = cache_directory() / "nasbench101-hashes-1"
    if not folder.is_dir():
        _write_hashes(folder)
    return HashIndex.open(folder)


def _write_hashes(folder: Path) -> None:
    """Write the hashes beside ``folder`` and rename; another process may be first with the same."""
    from nepsbench.spaces.nasbench101_hashes import HashIndex
    from nepsbench.spaces.nasbench101_hashing import hash_cells
    from nepsbench.spaces.nasbench101_index import build_index

    index = HashIndex.of(hash_cells(build_index()))
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(mkdtemp(prefix=".hashes-", dir=folder.parent))
        index.save(temporary)
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
