"""A TCP proxy on loopback that cuts connections after a given byte, for tests of broken lines.

with cutting_proxy(sshd_port, seed=7) as proxy:
    connect_to("127.0.0.1", proxy.port)
    proxy.cut_after(server_bytes=1000)

A cut is armed once and happens once: it counts the bytes that pass from then on, over all
connections, and takes all of them down. New connections are accepted before and afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Literal

#: A reset, an end in good order, or silence: neither byte nor end, until the proxy closes.
How = Literal["rst", "fin", "hang"]
Side = Literal["client", "server"]
_RESET = struct.pack("ii", 1, 0)


class CuttingProxy:
    """Forwards from ``port`` to another port of 127.0.0.1.

    Attributes:
        port: Where to connect to.
        connections: How many were accepted so far.
        cuts: How many cuts have happened.
    """

    def __init__(self, target: int, seed: int = 0) -> None:
        self._target = target
        self._random = random.Random(seed)
        self.connections = self.cuts = 0
        self._passed: dict[Side, int] = {"client": 0, "server": 0}
        self._limits: dict[Side, int] = {}
        self._how: How = "rst"
        self._live: set[asyncio.StreamWriter] = set()
        self._silent: set[asyncio.StreamWriter] = set()
        # One thread owns all sockets and counters: a cut falls between two blocks, never in one.
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        starting = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(10)
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def client_bytes(self) -> int:
        """How many bytes of clients were passed on so far."""
        return self._passed["client"]

    @property
    def server_bytes(self) -> int:
        """How many bytes of the server were passed on so far."""
        return self._passed["server"]

    def cut_after(
        self, *, client_bytes: int | None = None, server_bytes: int | None = None, how: How = "rst"
    ) -> None:
        """Let so many more bytes of clients, or of the server, pass, then cut at the next one.

        Without numbers, nothing is cut any more.
        """
        wanted: dict[Side, int | None] = {"client": client_bytes, "server": server_bytes}

        def arm() -> None:
            self._how = how
            self._limits = {
                side: self._passed[side] + more for side, more in wanted.items() if more is not None
            }

        self._call(arm)

    def cut_somewhere(self, *, client_bytes: int, server_bytes: int) -> str:
        """Arm a cut at a random byte of a conversation of this length; return where, in words."""
        at = self._random.randrange(client_bytes + server_bytes)
        how: How = self._random.choice(("rst", "fin"))
        if at < client_bytes:
            self.cut_after(client_bytes=at, how=how)
            return f"{how} after {at} of {client_bytes} bytes of the client"
        self.cut_after(server_bytes=at - client_bytes, how=how)
        return f"{how} after {at - client_bytes} of {server_bytes} bytes of the server"

    def cut_now(self, how: How = "rst") -> None:
        """Cut what is connected, and disarm."""

        def cut() -> None:
            self._how = how
            self._cut()

        self._call(cut)

    def close(self) -> None:
        """Cut everything and listen no more."""

        async def end() -> None:
            self._server.close()
            self._live |= self._silent
            self._silent = set()
            self._how = "rst"
            self._cut()
            if others := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(others, timeout=5)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _call(self, action: Callable[[], None]) -> None:
        """Do this in the thread that owns the sockets, and wait for it."""

        async def run() -> None:
            action()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            client.transport.abort()
            return
        ends = {client, server}
        for end in ends:
            # A reset throws away what the kernel has not sent yet: let that be little.
            end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        self._live |= ends
        await asyncio.gather(
            self._pump("client", reader, server), self._pump("server", answers, client)
        )
        if not ends & self._silent:
            self._live -= ends
            for end in ends:
                end.close()

    async def _pump(
        self, side: Side, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        # What was written is sent before more is read, so that a reset loses nothing of it.
        sink.transport.set_write_buffer_limits(0)
        with contextlib.suppress(OSError):
            while (block := await source.read(1 << 16)) and sink in self._live:
                allowed = block[: self._allowance(side, len(block))]
                self._passed[side] += len(allowed)
                sink.write(allowed)
                await sink.drain()
                if len(allowed) < len(block):
                    self._cut()
            if sink in self._live:
                sink.write_eof()

    def _allowance(self, side: Side, wanted: int) -> int:
        limit = self._limits.get(side)
        return wanted if limit is None else min(wanted, limit - self._passed[side])

    def _cut(self) -> None:
        self._limits = {}
        self.cuts += 1
        if self._how == "hang":
            self._silent |= self._live
        for end in self._live - self._silent:
            if self._how == "rst":
                connection: socket.socket = end.get_extra_info("socket")
                with contextlib.suppress(OSError):  # it is closed already
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                end.transport.abort()
            else:
                end.close()
        self._live = set()


@contextlib.contextmanager
def cutting_proxy(target: int, seed: int = 0) -> Iterator[CuttingProxy]:
    """Run a proxy to a port of 127.0.0.1 as long as the block; ``seed`` is for random cuts."""
    proxy = CuttingProxy(target, seed)
    try:
        yield proxy
    finally:
        proxy.close()
