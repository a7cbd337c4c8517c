"""Read a large pickled table entry by entry, without holding the table.

A pickle is the program of a stack machine. This one runs it until the dict of entries begins; then
it hands out each entry as it is complete, and forgets it. The opcodes are those of plain data, the
names those of a list, as in :mod:`nepsbench.plain_pickle`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from zipfile import BadZipFile

from nepsbench.errors import CorruptedFileError
from nepsbench.plain_pickle import Names
from nepsbench.warehouse.importers.pickle_content import Content, EndError
from nepsbench.warehouse.importers.pickle_machine import Machine

_INTEGERS = frozenset(b"KMJ")
_STOP, _EMPTY_DICT = ord("."), ord("}")


def stream_entries(
    content: Content, *, key: str, names: Names, origin: str
) -> Iterator[tuple[int, Any, dict[Any, Any]]]:
    """Yield number, entry, and what stands before the entries, of a pickled table.

    Args:
        content: Where the pickle begins.
        key: Under which the table has its dict of entries, whose keys are whole numbers.
        names: What the pickle may ask for.
        origin: Where it comes from, for errors.

    Raises:
        CorruptedFileError: If it is cut off, damaged or asks for anything else; names the place.
    """
    machine = Machine(content, names)
    with refusing(content, origin):
        yield from _entries(machine, key)


def load_small(content: Content, *, names: Names, origin: str) -> Any:
    """Return what one pickle holds; the next may follow behind it.

    Raises:
        CorruptedFileError: As :func:`stream_entries`.
    """
    machine = Machine(content, names)
    with refusing(content, origin):
        while machine.run() != _STOP:
            pass
        return machine.stack[-1]


@contextmanager
def refusing(content: Content, origin: str) -> Iterator[None]:
    """Turn what a damaged pickle does to a stack machine into one line."""
    try:
        yield
    except (CorruptedFileError, BadZipFile):
        raise
    except EndError:
        raise CorruptedFileError(
            f"{origin}: is cut off after byte {content.at} of its content; get it again"
        ) from None
    except Exception as error:
        raise CorruptedFileError(
            f"{origin}: not a pickle of plain data: byte {content.at} of its content: "
            f"{error or type(error).__name__}; get the published file"
        ) from None


def _entries(machine: Machine, key: str) -> Iterator[tuple[int, Any, dict[Any, Any]]]:
    run, target, level = machine.run, None, -1
    head: dict[Any, Any] = {}
    while (code := run()) != _STOP:
        if target is None:
            stack = machine.stack
            if code == _EMPTY_DICT and len(stack) > 1 and stack[-2] == key:
                target, level = stack[-1], len(machine.below) + 1
                head = dict(zip(stack[:-2:2], stack[1:-2:2], strict=True))
                machine.memo.streaming = True
        elif code in _INTEGERS and len(machine.below) == level:
            # The number of the next entry is there: the one before it is complete. Its own keys
            # are text.
            stack = machine.stack
            if len(stack) == 3 and isinstance(stack[1], dict):
                yield stack[0], stack[1], head
                del stack[:2]
                machine.memo.forget()
        elif target and len(machine.below) < level:
            # The end of a batch put its last entry into the dict.
            for number, entry in target.items():
                yield number, entry, head
            target.clear()
            machine.memo.forget()
