"""Reading many files in processes of our own, results in order.

``multiprocessing`` is no choice here: its safe ways of starting run the caller's script again, and
that would wait for the warehouse's lock, which the first run holds.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

from nepsbench.errors import CorruptedFileError, NepsbenchError

#: Files that a process has been told of, and not answered for.
_AHEAD = 8
#: Fewer are read before a process would be ready.
_WORTHWHILE = 256


def read_files(
    function: Callable[[Path], Any], paths: Sequence[Path], *, processes: int = 2
) -> Iterator[Any]:
    """Yield ``function(path)`` of every path, in order.

    Args:
        function: A function of a module, or a partial one, which other processes import.
        paths: What it is called with.
        processes: How many read at once; few files are read by this process alone.

    Raises:
        CorruptedFileError: What the function raises, in the words that it raised.
    """
    if processes < 2 or len(paths) < _WORTHWHILE:
        yield from map(function, paths)
    else:
        yield from in_processes(function, paths, processes=processes)


def in_processes(
    function: Callable[[Any], Any],
    tasks: Iterable[Any],
    *,
    processes: int = 2,
    ahead: int = _AHEAD,
) -> Iterator[Any]:
    """Yield ``function(task)`` of every task, in order; tasks are taken as they are given out.

    Args:
        function: As in :func:`read_files`.
        tasks: What it is called with; anything that can be pickled.
        processes: How many work at once.
        ahead: Tasks that a process has been given, and not answered for.

    Raises:
        CorruptedFileError: What the function raises, in the words that it raised.
    """
    with ExitStack() as stack:
        readers = [_Reader(function, stack) for _ in range(processes)]
        waiting: deque[_Reader] = deque()
        for number, task in enumerate(tasks):
            reader = readers[number % processes]
            if len(waiting) == processes * ahead:
                yield waiting.popleft().answer()
            reader.ask(task)
            waiting.append(reader)
        while waiting:
            yield waiting.popleft().answer()


class _Reader:
    """A process that reads files."""

    def __init__(self, function: Callable[[Any], Any], stack: ExitStack) -> None:
        command = [sys.executable, "-m", __name__]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = stack.enter_context(
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
            )
        )
        stack.callback(self._process.terminate)
        assert self._process.stdin is not None
        _send(self._process.stdin, function)

    def ask(self, task: object) -> None:
        """Tell of a file, or of another task."""
        pipe = self._process.stdin
        assert pipe is not None
        try:
            _send(pipe, task)
        except BrokenPipeError:
            with suppress(BrokenPipeError):
                pipe.close()  # or what could not be sent is tried again on the way out
            raise _ended_early() from None

    def answer(self) -> Any:
        """Return the next file's result."""
        assert self._process.stdout is not None
        try:
            failed, result = _receive(self._process.stdout)
        except EOFError:
            raise _ended_early() from None
        if failed:
            raise CorruptedFileError(result)
        return result


def _ended_early() -> NepsbenchError:
    return NepsbenchError(
        "a process that reads files ended early; was it killed? run the import again"
    )


def _send(pipe: IO[bytes], message: object) -> None:
    content = pickle.dumps(message, protocol=5)
    pipe.write(len(content).to_bytes(8, "little") + content)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    """Return the next message of our own process.

    Raises:
        EOFError: If there is none any more.
    """
    length = int.from_bytes(pipe.read(8), "little")
    content = pipe.read(length)
    if not content or len(content) < length:
        raise EOFError
    return pickle.loads(content)


def _serve() -> None:
    """Answer for tasks until there are none."""
    function = _receive(sys.stdin.buffer)
    while True:
        try:
            task = _receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = (False, function(task))
        except NepsbenchError as error:
            answer = (True, str(error))
        _send(sys.stdout.buffer, answer)


if __name__ == "__main__":
    _serve()
