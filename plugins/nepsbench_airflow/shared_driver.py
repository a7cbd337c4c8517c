"""One driver a cluster and process, whatever the number of triggers that wait there.

A driver and its ledger live in a thread of their own; the triggers in the event loop are told what
it found. The first one that waits starts it, the last one that leaves ends it.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from nepsbench_airflow.driver_seat import DriverSeat, News

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

#: Seconds at most between two questions whether the next tick is due; each looks at a local file.
_STEP = 1.0


class Waiter:
    """One trigger's place with the driver.

    Attributes:
        keys: The jobs that it waits for.
        inbox: News, or the error with which the driver ended.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = frozenset(keys)
        self.inbox: asyncio.Queue[News | Exception] = asyncio.Queue()

    async def news(self) -> AsyncIterator[News]:
        """Yield what is known now, then what each tick brings; ends when all jobs are settled.

        Raises:
            AccessError: If the cluster will not let us in, however often we try.
        """
        while True:
            item = await self.inbox.get()
            if isinstance(item, Exception):
                raise item
            yield item
            if not item.open:
                return


_drivers: dict[tuple[Path, str], SharedDriver] = {}


@asynccontextmanager
async def wait_for(home: Path, cluster: str, keys: Sequence[str]) -> AsyncIterator[Waiter]:
    """Keep the cluster's driver running, and be told of these jobs."""
    shared = _drivers.get((home, cluster))
    if shared is None:
        shared = _drivers[home, cluster] = SharedDriver(home, cluster)
        shared.start()
    waiter = Waiter(keys)
    shared.join(waiter)
    try:
        yield waiter
    finally:
        shared.leave(waiter)


class SharedDriver:
    """Ticks as long as somebody waits. Its methods belong to the event loop's thread."""

    def __init__(self, home: Path, cluster: str) -> None:
        self._place = (home, cluster)
        self._seat = DriverSeat(home, cluster)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"driver-{cluster}")
        self._waiters: list[Waiter] = []
        self._newcomers = False
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to tick."""
        # What it logs is the triggerer's, not that of the task whose trigger came first.
        nobody = contextvars.Context()
        name = f"driver of {self._place[1]}"
        self._task = asyncio.get_running_loop().create_task(self._run(), name=name, context=nobody)

    def join(self, waiter: Waiter) -> None:
        """Tell ``waiter`` what is known, and what each tick brings."""
        self._waiters.append(waiter)
        self._newcomers = True
        self._changed.set()

    def leave(self, waiter: Waiter) -> None:
        """Forget ``waiter``."""
        self._waiters.remove(waiter)
        self._changed.set()

    async def _run(self) -> None:
        try:
            await self._in_thread(self._seat.open)
            while self._waiters:
                await self._turn()
                await self._pause()
        except Exception as error:  # those who wait are told; nobody awaits this task
            _log.warning("the driver of cluster %s ended: %s", self._place[1], error)
            for waiter in self._waiters:
                waiter.inbox.put_nowait(error)
        finally:
            # Without an await since the last look at the waiters: who comes now starts another.
            del _drivers[self._place]
            # Closing gives the lease back: it must not be taken out of the thread's queue where
            # the loop ends and cancels this task.
            closing = self._thread.submit(self._seat.close)
            self._thread.shutdown(wait=False)
            await asyncio.shield(asyncio.wrap_future(closing))

    async def _turn(self) -> None:
        """Tell what is known, if somebody came; tick, if it is time, and tell what is new."""
        if self._newcomers:
            self._newcomers = False
            await self._tell()
        waiting = [waiter.keys for waiter in self._waiters]
        if await self._in_thread(self._seat.tick_if_due, waiting):
            await self._tell()

    async def _tell(self) -> None:
        waiters = list(self._waiters)
        told = await self._in_thread(self._seat.news, [waiter.keys for waiter in waiters])
        for waiter, news in zip(waiters, told, strict=True):
            waiter.inbox.put_nowait(news)

    async def _pause(self) -> None:
        """Wait for a moment, or until somebody comes or goes."""
        try:
            await asyncio.wait_for(self._changed.wait(), min(_STEP, self._seat.rhythm))
        except asyncio.TimeoutError:
            return
        self._changed.clear()

    async def _in_thread(self, function: Callable[..., _T], *arguments: Any) -> _T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, function, *arguments)


async def settle_within(
    seconds: float,
    home: Path,
    cluster: str,
    keys: Sequence[str],
    *,
    tell: Callable[[News], None] = lambda _: None,
) -> bool:
    """Drive until these jobs are settled, but not for longer; return whether they are.

    Raises:
        AccessError: If the cluster will not let us in, however often we try.
    """
    try:
        async with asyncio.timeout(seconds), wait_for(home, cluster, keys) as waiter:
            async for news in waiter.news():
                tell(news)
    except TimeoutError:
        return False
    return True
