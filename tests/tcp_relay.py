"""A network between two sides that can stall, delay, cut, halve and lose traffic."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sqlalchemy import make_url

LOOPBACK = "127.0.0.1"
CHUNK_BYTES = 65536

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class TcpRelay:
    """Passes bytes between clients and a server, with faults on demand.

    Attributes: connect: opens a connection to the server. idle_seconds: a connection without
    traffic for this time is cut, as load balancers do. delay_seconds: how much later what a server
    says arrives. is_open: whether new connections are let through; others are closed at once.
    halves: so many times a request is cut off in its middle, with its connection. losses: so many
    times an answer is lost, with its connection; the server has done its work. loses_commit_of: the
    answer to the COMMIT of a statement that holds these bytes is lost, once, with its connection.
    asked: how many times clients said something. idle_cuts: how many connections were cut because
    they carried nothing.
    """

    connect: Callable[[], Awaitable[Streams]]
    idle_seconds: float | None = None
    delay_seconds: float = 0.0
    is_open: bool = True
    halves: int = 0
    losses: int = 0
    loses_commit_of: bytes | None = None
    asked: int = 0
    idle_cuts: int = 0

    def __post_init__(self) -> None:
        self._flows = asyncio.Event()
        self._flows.set()
        self._carrying: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.thaw()
        self._server.close()
        await self.cut()

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._carrying)

    def freeze(self) -> None:
        """Hold all traffic in both directions; no connection breaks."""
        self._flows.clear()

    def thaw(self) -> None:
        """Release the held traffic."""
        self._flows.set()

    async def cut(self) -> None:
        """Cut every connection."""
        carrying = list(self._carrying)
        for each in carrying:
            each.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        writers = [writer]
        try:
            if self.is_open:
                with suppress(OSError):
                    far_reader, far_writer = await self.connect()
                    writers.append(far_writer)
                    await self._carry((reader, writer), (far_reader, far_writer))
        except asyncio.CancelledError:
            pass  # it was cut
        finally:
            self._carrying.discard(task)
            for each in writers:
                each.transport.abort()

    async def _carry(self, client: Streams, server: Streams) -> None:
        """Carry until either side ends, the network breaks, or no traffic came for too long."""
        carried = _Carried(asyncio.get_running_loop().time())
        doing = [
            asyncio.create_task(self._ask(client[0], server[1], carried)),
            asyncio.create_task(self._answer(server[0], client[1], carried)),
            asyncio.create_task(self._grow_tired(carried)),
        ]
        try:
            await asyncio.wait(doing, return_when=asyncio.FIRST_COMPLETED)
            for each in (client[1], server[1]):
                with suppress(OSError):
                    await each.drain()
                    each.close()
                    await each.wait_closed()
        finally:
            for each in doing:
                each.cancel()
            await asyncio.gather(*doing, return_exceptions=True)

    async def _ask(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, carried: "_Carried"
    ) -> None:
        async for data in self._said(source, carried):
            self.asked += 1
            if self.loses_commit_of:
                carried.is_its |= self.loses_commit_of in data
                if carried.is_its and b"COMMIT" in data:
                    self.loses_commit_of, carried.loses_answer = None, True
            if self.halves:
                self.halves -= 1
                sink.write(data[: len(data) // 2])
                await sink.drain()
                return
            sink.write(data)
            await sink.drain()

    async def _answer(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, carried: "_Carried"
    ) -> None:
        async for data in self._said(source, carried):
            await asyncio.sleep(self.delay_seconds)
            if carried.loses_answer:
                return
            if self.losses:
                self.losses -= 1
                return
            sink.write(data)
            await sink.drain()

    async def _said(
        self, source: asyncio.StreamReader, carried: "_Carried"
    ) -> AsyncIterator[bytes]:
        while data := await source.read(CHUNK_BYTES):
            carried.said_at = asyncio.get_running_loop().time()
            await self._flows.wait()
            yield data

    async def _grow_tired(self, carried: "_Carried") -> None:
        loop = asyncio.get_running_loop()
        while self.idle_seconds is None or loop.time() - carried.said_at < self.idle_seconds:
            await asyncio.sleep(0.05)
        self.idle_cuts += 1


@dataclass
class _Carried:
    """The traffic of one connection.

    Attributes:
        said_at: when anything was said on it last.
        is_its: whether the transaction whose COMMIT is to be lost is on it.
        loses_answer: whether what the server says next is lost.
    """

    said_at: float
    is_its: bool = False
    loses_answer: bool = False


class HttpRelay(TcpRelay):
    """A relay in front of a stand-in on loopback."""

    def __init__(self, server_origin: str) -> None:
        server_port = int(server_origin.rpartition(":")[2])
        super().__init__(lambda: asyncio.open_connection(LOOPBACK, server_port))

    @property
    def origin(self) -> str:
        """The address of the stand-in through this relay."""
        return f"http://{LOOPBACK}:{self.port}"


class DatabaseRelay(TcpRelay):
    """A relay in front of PostgreSQL."""

    def __init__(self, database_url: str) -> None:
        url = make_url(database_url)
        folder = Path(str(url.query["host"]))
        socket = folder / f".s.PGSQL.{url.port or 5432}"
        super().__init__(lambda: asyncio.open_unix_connection(socket))
        self._user = url.username or folder.owner()
        self._database = url.database

    @property
    def url(self) -> str:
        """The URL of the database through this relay."""
        return f"postgresql://{self._user}@{LOOPBACK}:{self.port}/{self._database}?sslmode=disable"
