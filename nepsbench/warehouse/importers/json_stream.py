"""Entries of a JSON file one after another: memory holds one entry, whatever the file's size."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from nepsbench.errors import CorruptedFileError

_PIECE = 1 << 20
#: More letters than ``-Infinity`` or ``\\u0000`` have.
_LONGEST_WORD = 16
_BLANK = " \t\r\n"


@dataclass(frozen=True)
class Entry:
    """An entry of a list or of an object.

    Attributes:
        key: Its key, or its list's; None in a file that is one list.
        value: What it is.
        offset: Where it begins, in characters from the file's start.
        read: Bytes of the file that were read so far, for progress.
    """

    key: str | None
    value: Any
    offset: int
    read: int


def read_entries(path: Path) -> Iterator[Entry]:
    """Yield the entries of a JSON file (``.gz`` too).

    The file is a list; or an object, of which every value is an entry; a value that is a list
    stands for its entries.

    Raises:
        CorruptedFileError: Names the file and the place at which it is no JSON, or is cut off.
    """
    with path.open("rb") as raw, closing(_unpacked(path, raw)) as file:
        yield from _Reader(path, raw, file).entries()


def _unpacked(path: Path, raw: IO[bytes]) -> IO[bytes]:
    return gzip.open(raw) if path.suffix == ".gz" else raw  # type: ignore[return-value]


class _Reader:
    """A piece of the file, and a place in it."""

    def __init__(self, path: Path, raw: IO[bytes], file: IO[bytes]) -> None:
        self.path, self.raw, self.file = path, raw, file
        self.text, self.place, self.dropped = "", 0, 0
        self.ended = False
        self.decoder = json.JSONDecoder()
        self.rest = b""

    def entries(self) -> Iterator[Entry]:
        opening = self.next_sign()
        if opening == "[":
            yield from self.list_of(None)
        elif opening == "{":
            yield from self.object_of()
        else:
            raise self.damaged("begins with neither [ nor {")
        if self.peek():
            raise self.damaged("goes on behind its end")

    def list_of(self, key: str | None) -> Iterator[Entry]:
        """Yield the entries of a list whose bracket was read."""
        if self.peek() == "]":
            self.next_sign()
            return
        while True:
            yield self.entry(key)
            if self.separated("]"):
                return

    def object_of(self) -> Iterator[Entry]:
        """Yield the values of an object whose brace was read."""
        if self.peek() == "}":
            self.next_sign()
            return
        while True:
            if self.peek() != '"':
                raise self.damaged("has no key here")
            key = str(self.value())
            if self.next_sign() != ":":
                raise self.damaged(f"lacks the colon behind {key!r}")
            if self.peek() == "[":
                self.next_sign()
                yield from self.list_of(key)
            else:
                yield self.entry(key)
            if self.separated("}"):
                return

    def entry(self, key: str | None) -> Entry:
        self.peek()
        offset = self.dropped + self.place
        value = self.value()
        return Entry(key, value, offset, self.raw.tell())

    def separated(self, closing_sign: str) -> bool:
        """Read the sign behind an entry; True if it ends list or object."""
        sign = self.next_sign()
        if sign not in (",", closing_sign):
            self.place -= 1
            raise self.damaged(f"has neither , nor {closing_sign} here")
        return sign == closing_sign

    def value(self) -> Any:
        """Read one whole value."""
        while True:
            try:
                value, end = self.decoder.raw_decode(self.text, self.place)
            except json.JSONDecodeError as error:
                length = error.pos - self.place
                if not self.may_be_cut(error) or not self.more():
                    self.place += length
                    raise self.damaged("is no JSON, or is cut off,") from None
                continue
            length = end - self.place
            # A number may go on in the next piece, also behind a point that ends this one.
            ends_here = self.text[end : end + 1] not in ("", *".eE")
            if ends_here or not self.more():
                self.place += length
                return value

    def may_be_cut(self, error: json.JSONDecodeError) -> bool:
        """Return whether what looks wrong may only be cut at the end of the piece."""
        near_end = error.pos >= len(self.text) - _LONGEST_WORD
        return near_end or error.msg.startswith("Unterminated string")

    def peek(self) -> str:
        """Return the next sign that is no blank; nothing at the file's end."""
        while True:
            while self.place < len(self.text):
                sign = self.text[self.place]
                if sign not in _BLANK:
                    return sign
                self.place += 1
            if not self.more():
                return ""

    def next_sign(self) -> str:
        sign = self.peek()
        if not sign:
            raise self.damaged("is cut off")
        self.place += 1
        return sign

    def more(self) -> bool:
        """Read another piece behind what is left of this one, twice as much for a long value."""
        if self.ended:
            return False
        left = self.text[self.place :]
        try:
            piece = self.rest + self.file.read(max(_PIECE, len(left)))
        except (OSError, EOFError, ValueError) as error:
            raise CorruptedFileError(f"{self.path}: cannot be unpacked: {error}") from None
        self.ended = len(piece) == len(self.rest)
        text, self.rest = _decoded(piece)
        if self.ended and self.rest:
            raise self.damaged("is cut off within a letter")
        self.dropped += self.place
        self.text, self.place = left + text, 0
        return not self.ended

    def damaged(self, words: str) -> CorruptedFileError:
        where = self.dropped + self.place
        return CorruptedFileError(
            f"{self.path}: {words} at character {where}; fetch the file again"
        )


def _decoded(piece: bytes) -> tuple[str, bytes]:
    """Return the text of a piece, and the bytes at its end that are part of a letter."""
    for cut in range(4):
        end = len(piece) - cut
        try:
            return piece[:end].decode(), piece[end:]
        except UnicodeDecodeError:
            continue
    return piece.decode(errors="replace"), b""
