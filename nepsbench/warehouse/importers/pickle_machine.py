"""The stack machine of pickles of plain data, an opcode at a time.

Source of the opcodes: Python's ``pickletools``, protocols 2 to 5.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any

from nepsbench.plain_pickle import (
    ForbiddenNameError,
    Maker,
    Names,
    PlainArray,
    PlainDict,
    PlainDtype,
    Skipped,
)
from nepsbench.warehouse.importers.pickle_content import Content, Memo

_FLOAT, _UNSIGNED, _SIGNED = (Struct(form).unpack_from for form in (">d", "<I", "<i"))
#: Bytes of the longest opcodes that are spelt out, and of text among them.
_LONGEST, _SHORT = 2 + 255 + 1, 200
_SETTABLE = (PlainArray, PlainDict, PlainDtype)


class Machine:
    """Stack, marks and memo of one pickle.

    Attributes:
        stack: Values above the last mark.
        below: The stacks below each mark.
    """

    def __init__(self, content: Content, names: Names) -> None:
        self.content = content
        self.names = names
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo = Memo()

    def run(self) -> int:
        """Run until an opcode that is seldom, or the third value on the stack; return it.

        Three in four opcodes of published tables are text and numbers, so these are spelt out.
        """
        content, stack, memo = self.content, self.stack, self.memo
        buffer, place, append = content.buffer, content.place, stack.append
        last = len(buffer) - _LONGEST
        while place < last:
            code = buffer[place]
            if code == 71:  # "G", a float
                append(_FLOAT(buffer, place + 1)[0])
                place += 9
            elif code == 140:  # short text
                end = place + 2 + buffer[place + 1]
                if buffer[end] == 148:  # MEMOIZE
                    append(memo.next_text(buffer[place + 2 : end]))
                    place = end + 1
                else:
                    append(memo.text(buffer[place + 2 : end]))
                    place = end
            elif code == 75:  # "K", a small number
                append(buffer[place + 1])
                place += 2
                if len(stack) == 3:
                    content.place = place
                    return code
            elif code == 88 and (size := _UNSIGNED(buffer, place + 1)[0]) < _SHORT:  # "X", text
                append(memo.text(buffer[place + 5 : place + 5 + size]))
                place += 5 + size
            elif code == 114:  # "r", into the memo
                memo.put(_UNSIGNED(buffer, place + 1)[0], stack[-1])
                place += 5
            else:
                break
        content.place = place
        return self._step()

    def _step(self) -> int:
        code = self.content.take(1)[0]
        operation = _OPERATIONS.get(code)
        if operation is None:
            raise ForbiddenNameError(f"has the opcode {bytes([code])!r}, which plain data has not")
        operation(self)
        return code

    def pop_mark(self) -> list[Any]:
        """Return what is above the last mark, and go below it."""
        items = self.stack
        self.stack = self.below.pop()
        return items

    def number(self, size: int) -> int:
        """Return the unsigned number of the next bytes."""
        return int.from_bytes(self.content.take(size), "little")

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)


def _stop(machine: Machine) -> None:
    if machine.below or len(machine.stack) != 1:
        raise ValueError("ends with a stack that is not one value")


def _mark(machine: Machine) -> None:
    machine.below.append(machine.stack)
    machine.stack = []


def _tuple(size: int) -> Callable[[Machine], None]:
    def make(machine: Machine) -> None:
        stack = machine.stack
        if len(stack) < size:
            raise ValueError("lacks the parts of a tuple")
        stack[len(stack) - size :] = [tuple(stack[len(stack) - size :])]

    return make


def _marked_tuple(machine: Machine) -> None:
    machine.push(tuple(machine.pop_mark()))


def _set_items(machine: Machine) -> None:
    items = machine.pop_mark()
    _as(machine.stack[-1], dict).update(zip(items[::2], items[1::2], strict=True))


def _set_item(machine: Machine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    _as(machine.stack[-1], dict)[key] = value


def _append(machine: Machine) -> None:
    value = machine.stack.pop()
    _as(machine.stack[-1], list).append(value)


def _extend(machine: Machine) -> None:
    items = machine.pop_mark()
    _as(machine.stack[-1], list).extend(items)


def _add_items(machine: Machine) -> None:
    items = machine.pop_mark()
    _as(machine.stack[-1], set).update(items)


def _as(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise ForbiddenNameError(f"fills a {type(value).__name__} like a {kind.__name__}")
    return value


def _look_up(machine: Machine, module: Any, name: Any) -> None:
    try:
        machine.push(machine.names[module, name])
    except (KeyError, TypeError):
        raise ForbiddenNameError(f"asks for {module}.{name}") from None


def _global(machine: Machine) -> None:
    module, name = (machine.content.line().decode() for _ in range(2))
    _look_up(machine, module, name)


def _stack_global(machine: Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    _look_up(machine, module, name)


def _reduce(machine: Machine) -> None:
    arguments, made = machine.stack.pop(), machine.stack.pop()
    if not isinstance(made, Maker) or not isinstance(arguments, tuple):
        raise ForbiddenNameError(f"calls a {type(made).__name__}")
    machine.push(made(*arguments))


def _build(machine: Machine) -> None:
    state = machine.stack.pop()
    made = machine.stack[-1]
    if isinstance(made, Skipped):
        return
    if not isinstance(made, _SETTABLE):
        raise ForbiddenNameError(f"sets the state of a {type(made).__name__}")
    made.__setstate__(state)


def _persistent(machine: Machine) -> None:
    machine.stack[-1] = Skipped()


def _constant(value: Any) -> Callable[[Machine], None]:
    return lambda machine: machine.push(value)


def _text(size: int) -> Callable[[Machine], None]:
    def read(machine: Machine) -> None:
        machine.push(machine.memo.text(machine.content.take(machine.number(size))))

    return read


def _bytes(size: int) -> Callable[[Machine], None]:
    return lambda machine: machine.push(machine.content.take(machine.number(size)))


def _whole(size: int) -> Callable[[Machine], None]:
    return lambda machine: machine.push(machine.number(size))


def _long(machine: Machine) -> None:
    raw = machine.content.take(machine.number(1))
    machine.push(int.from_bytes(raw, "little", signed=True))


def _signed(machine: Machine) -> None:
    machine.push(_SIGNED(machine.content.take(4))[0])


def _float(machine: Machine) -> None:
    machine.push(_FLOAT(machine.content.take(8))[0])


def _get(size: int) -> Callable[[Machine], None]:
    return lambda machine: machine.push(machine.memo.get(machine.number(size)))


def _put(size: int) -> Callable[[Machine], None]:
    return lambda machine: machine.memo.put(machine.number(size), machine.stack[-1])


def _memoize(machine: Machine) -> None:
    machine.memo.put(len(machine.memo.slots), machine.stack[-1])


def _skip(size: int) -> Callable[[Machine], None]:
    def skip(machine: Machine) -> None:
        machine.content.take(size)

    return skip


def _pop(machine: Machine) -> None:
    machine.stack.pop()


_OPERATIONS: dict[int, Callable[[Machine], None]] = {
    ord(code): operation
    for code, operation in {
        b"\x80": _skip(1),
        b"\x95": _skip(8),
        b".": _stop,
        b"(": _mark,
        b"0": _pop,
        b"}": lambda machine: machine.push({}),
        b"]": lambda machine: machine.push([]),
        b"\x8f": lambda machine: machine.push(set()),
        b")": _constant(()),
        b"N": _constant(None),
        b"\x88": _constant(True),
        b"\x89": _constant(False),
        b"s": _set_item,
        b"u": _set_items,
        b"a": _append,
        b"e": _extend,
        b"\x90": _add_items,
        b"t": _marked_tuple,
        b"\x85": _tuple(1),
        b"\x86": _tuple(2),
        b"\x87": _tuple(3),
        b"K": _whole(1),
        b"M": _whole(2),
        b"J": _signed,
        b"\x8a": _long,
        b"G": _float,
        b"\x8c": _text(1),
        b"X": _text(4),
        b"C": _bytes(1),
        b"B": _bytes(4),
        b"\x96": _bytes(8),
        b"c": _global,
        b"\x93": _stack_global,
        b"R": _reduce,
        b"b": _build,
        b"Q": _persistent,
        b"h": _get(1),
        b"j": _get(4),
        b"q": _put(1),
        b"r": _put(4),
        b"\x94": _memoize,
    }.items()
}
