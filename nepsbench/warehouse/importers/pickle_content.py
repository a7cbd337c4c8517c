"""The bytes of a pickle, from a file of any size, and what a pickle may refer back to."""

from __future__ import annotations

from array import array
from typing import Any, Protocol

_PIECE = 1 << 20
_EMPTY, _ALIVE = 0, 1
#: The memo may not grow by more than this at once; picklers count its slots up one by one.
_LEAP = 1_000_000
#: Text of fewer bytes is decoded once, for so many different ones.
_SHORT, _MANY = 64, 100_000
#: Entries whose containers may be referred to ever after.
_FIRST = 4


class Readable(Protocol):
    """What is read from."""

    def readinto(self, buffer: bytearray, /) -> int:
        """Fill a buffer; 0 is the end."""


class EndError(Exception):
    """The content ends in the middle of a pickle."""


class Content:
    """Bytes of a file, in pieces."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._scratch = bytearray(_PIECE)
        self._before = 0
        self.buffer = b""
        self.place = 0

    @property
    def at(self) -> int:
        """The place in the content."""
        return self._before + self.place

    def take(self, count: int) -> bytes:
        """Return the next bytes.

        Raises:
            EndError: If there are fewer.
        """
        end = self.place + count
        if end > len(self.buffer):
            self.fill(count)
            end = count
        taken = self.buffer[self.place : end]
        self.place = end
        return taken

    def line(self) -> bytes:
        """Return what stands before the next newline.

        Raises:
            EndError: If there is none.
        """
        while (end := self.buffer.find(b"\n", self.place)) < 0:
            self.fill(len(self.buffer) - self.place + 1)
        taken = self.buffer[self.place : end]
        self.place = end + 1
        return taken

    def fill(self, count: int) -> None:
        """Have at least ``count`` bytes ahead.

        Raises:
            EndError: If there are fewer.
        """
        pieces = [self.buffer[self.place :]]
        have = len(pieces[0])
        while have < count:
            got = self._file.readinto(self._scratch)
            if not got:
                raise EndError
            pieces.append(bytes(memoryview(self._scratch)[:got]))
            have += got
        self._before += self.place
        self.buffer, self.place = b"".join(pieces), 0

    def drain(self) -> int:
        """Read to the end, so that checksums are compared; return how many bytes there were."""
        left = len(self.buffer) - self.place
        while got := self._file.readinto(self._scratch):
            left += got
        return left


class Memo:
    """What a pickle may refer to, by slot.

    While entries are streamed, containers are kept until the entry ends; those of the first entries
    for good, since a container that all entries share is first met there. Text, numbers and names
    are kept for good, equal text once: four bytes a slot.
    """

    def __init__(self) -> None:
        self.slots = array("I")
        self.streaming = False
        self._kept: list[Any] = [None, None]
        self._texts: dict[str | bytes, int] = {}
        self._decoded: dict[bytes, str] = {}
        self._numbers: dict[bytes, int] = {}
        self._alive: dict[int, Any] = {}
        self._lasting: dict[int, Any] = {}
        self._entries = 0

    def text(self, raw: bytes) -> str:
        """Return text, the same object for the same short text."""
        known = self._decoded.get(raw)
        if known is None:
            known = raw.decode("utf-8", "surrogatepass")
            if len(raw) < _SHORT and len(self._decoded) < _MANY:
                self._decoded[raw] = known
        return known

    def next_text(self, raw: bytes) -> str:
        """Return text, and remember it in the next slot."""
        number = self._numbers.get(raw)
        if number is not None:
            self.slots.append(number)
            found: str = self._kept[number]
            return found
        value = self.text(raw)
        self.put(len(self.slots), value)
        if raw in self._decoded:
            self._numbers[raw] = self._texts[value]
        return value

    def put(self, slot: int, value: Any) -> None:
        """Remember a value.

        Raises:
            ValueError: If the slot is far from all others.
        """
        slots = self.slots
        kind = value.__class__
        if kind is str or kind is bytes:
            number = self._texts.get(value, 0)
            if not number:
                number = self._texts[value] = len(self._kept)
                self._kept.append(value)
        elif self.streaming and isinstance(value, list | dict | set):
            number = _ALIVE
            self._alive[slot] = value
        else:
            number = len(self._kept)
            self._kept.append(value)
        if slot == len(slots):
            slots.append(number)
            return
        if slot > len(slots) + _LEAP:
            raise ValueError(f"memo slot {slot} after {len(slots)}")
        slots.extend([_EMPTY] * (slot + 1 - len(slots)))
        slots[slot] = number

    def get(self, slot: int) -> Any:
        """Return what was remembered.

        Raises:
            ValueError: If nothing was, or it belonged to an entry that ended.
        """
        number = self.slots[slot] if slot < len(self.slots) else _EMPTY
        if number > _ALIVE:
            return self._kept[number]
        for containers in (self._alive, self._lasting) if number == _ALIVE else ():
            if slot in containers:
                return containers[slot]
        raise ValueError(f"refers to memo slot {slot}, which is empty or of an earlier entry")

    def forget(self) -> None:
        """Let go of the containers of an entry that ended."""
        self._entries += 1
        if self._entries <= _FIRST:
            self._lasting |= self._alive
        self._alive.clear()
