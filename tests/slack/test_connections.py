"""Slow, large and many clients over real sockets: which are closed, and who is still served."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.cli.loopback_server import LOOPBACK
from bot.cli.stage import serving
from bot.observability.metrics import Metrics
from bot.slack.connections import Limits
from bot.slack.rejected_requests import RejectionCause
from bot.store.database import Database
from bot.wiring.application import Application
from tests.access.builders import nobody_cleared
from tests.polling import DEADLINE_SECONDS, until

FOREVER = 3600.0
LONG = Limits(connections=8, request_seconds=FOREVER, answer_seconds=FOREVER, idle_seconds=3600)
QUICK = 0.2


@dataclass
class Place:
    """A server with a few addresses, and its clients."""

    port: int = 0
    metrics: Metrics = field(default_factory=Metrics)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    """`/held` answers once this is set."""
    clients: list["Client"] = field(default_factory=list)

    async def client(self, *sent: bytes) -> "Client":
        reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
        client = Client(reader, writer)
        self.clients.append(client)
        await client.send(*sent)
        return client

    async def get(self, path: str = "/healthz") -> bytes:
        return await (await self.client(get(path))).answer()

    def rejected_requests(self, cause: RejectionCause) -> float:
        name = "callaudio_requests_turned_away_total"
        return self.metrics.registry.get_sample_value(name, {"cause": cause.value}) or 0.0


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def answer(self) -> bytes:
        """Return the status line of the answer."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            head = await self.reader.readuntil(b"\r\n\r\n")
        return head.split(b"\r\n")[0]

    async def rest(self) -> bytes:
        """Read until the server closes the connection."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""

    @property
    def is_open(self) -> bool:
        return not self.reader.at_eof() and self.reader.exception() is None


def get(path: str = "/healthz") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: bot\r\n\r\n".encode()


def post(size: int, path: str = "/read") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: bot\r\nContent-Length: {size}\r\n\r\n".encode()


CHUNKED = b"POST /read HTTP/1.1\r\nHost: bot\r\nTransfer-Encoding: chunked\r\n\r\n"
UNREAD = CHUNKED.replace(b"/read", b"/nothing-there")
CHUNK = b"400\r\n" + bytes(1024) + b"\r\n"


@asynccontextmanager
async def place(limits: Limits) -> AsyncIterator[Place]:
    found = Place()

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def read(request: Request) -> Response:
        try:
            return PlainTextResponse(str(len(await request.body())))
        except ClientDisconnect:
            return PlainTextResponse("nobody is there")

    async def held(_: Request) -> Response:
        await found.held.wait()
        return PlainTextResponse("ok")

    async def large(_: Request) -> Response:
        return Response(bytes(32 * 2**20))

    web = Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/read", read, methods=["POST"]),
            Route("/held", held),
            Route("/large", large),
        ]
    )
    database = Database("sqlite:///never-opened.db")
    application = Application(
        web=web, database=database, metrics=found.metrics, clearances=nobody_cleared(database)
    )
    try:
        async with serving(application, limits) as origin:
            found.port = int(origin.rpartition(":")[2])
            try:
                yield found
            finally:  # the server stops, and waits for clients that are being answered
                asyncio.get_running_loop().call_later(0.2, found.held.set)
    finally:
        for client in found.clients:
            client.writer.transport.abort()


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param((), id="nothing"),
        pytest.param((b"POST /read HT",), id="a part of the head"),
        pytest.param((post(10), b"x"), id="a byte of the body"),
        pytest.param((CHUNKED, b"1\r\nx\r\n"), id="a chunk of the body"),
        pytest.param((post(10, "/nothing-there"), b"x"), id="a body that is not read"),
        pytest.param((get(), b"GET /he"), id="a part of a second request"),
    ],
)
async def test_an_incomplete_request_is_closed_after_a_while(sent):
    async with place(Limits(request_seconds=QUICK)) as here:
        client = await here.client(*sent)
        await until(lambda: here.rejected_requests(RejectionCause.TOO_SLOW) == 1)
        await client.rest()
        assert await here.get() == b"HTTP/1.1 200 OK"


async def test_a_byte_now_and_then_does_not_keep_a_connection_open():
    async with place(Limits(request_seconds=QUICK)) as here:
        client = await here.client(post(100_000))

        async def drip() -> None:
            while True:
                await client.send(b"x")
                await asyncio.sleep(QUICK / 20)

        dripping = asyncio.create_task(drip())
        assert await client.rest() == b""
        dripping.cancel()
        assert here.rejected_requests(RejectionCause.TOO_SLOW) == 1


async def test_a_client_that_does_not_read_the_answer_is_closed():
    async with place(Limits(answer_seconds=QUICK, request_seconds=QUICK)) as here:
        client = await here.client(get("/large"))
        await until(lambda: here.rejected_requests(RejectionCause.TOO_SLOW) >= 1)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(client.reader.readexactly(32 * 2**20), DEADLINE_SECONDS)


async def test_an_idle_connection_is_closed_without_an_error():
    async with place(Limits(idle_seconds=1)) as here:
        client = await here.client(get())
        assert await client.answer() == b"HTTP/1.1 200 OK"
        await client.rest()
        assert here.rejected_requests(RejectionCause.TOO_SLOW) == 0


@pytest.mark.parametrize(
    ("begins", "part"),
    [
        pytest.param(b"GET /healthz HTTP/1.1\r\nX: ", b"x" * 1000, id="an endless header"),
        pytest.param(b"GET /healthz HTTP/1.1\r\n", b"X: y\r\n" * 100, id="endless headers"),
        pytest.param(CHUNKED + b"0\r\n", b"X: y\r\n" * 100, id="endless trailers"),
        pytest.param(UNREAD, CHUNK, id="an endless body that is not read"),
    ],
)
async def test_a_request_larger_than_slacks_is_closed(begins, part):
    async with place(Limits(request_bytes=50_000, request_seconds=FOREVER)) as here:
        client = await here.client(begins)
        with pytest.raises(ConnectionError):
            await client.send(*itertools.repeat(part, 10_000))
        assert here.rejected_requests(RejectionCause.TOO_LARGE) == 1
        assert await here.get() == b"HTTP/1.1 200 OK"


async def test_the_total_of_incomplete_requests_is_bounded_and_the_oldest_is_closed_first():
    async with place(Limits(all_bytes=60_000, request_seconds=FOREVER)) as here:
        first, *others = [await here.client(post(90_000), bytes(20_000)) for _ in range(4)]
        assert await first.rest() == b""
        assert here.rejected_requests(RejectionCause.CROWDED) >= 1
        assert others[-1].is_open
        await others[-1].send(bytes(70_000))
        assert await others[-1].answer() == b"HTTP/1.1 200 OK"


async def test_too_many_connections_close_the_oldest_incomplete_one_first():
    async with place(LONG) as here:
        served = [await here.client(get("/held")) for _ in range(3)]
        slow = [await here.client(post(10), b"x") for _ in range(5)]
        for _ in range(20):  # one more than fits, one after the other
            slow.append(await here.client(post(10), b"x"))
            assert await here.get() == b"HTTP/1.1 200 OK"
        for client in slow[:15]:
            assert await client.rest() == b""
        assert slow[-1].is_open
        here.held.set()
        for client in served:
            assert await client.answer() == b"HTTP/1.1 200 OK"


async def test_idle_connections_go_before_incomplete_ones():
    async with place(LONG) as here:
        slow = [await here.client(post(10), b"x") for _ in range(4)]
        idle = [await here.client(get()) for _ in range(4)]
        for client in idle:
            await client.answer()
        new = await here.client(get("/held"))
        assert await idle[0].reader.read(100) == b"ok"
        assert await idle[0].rest() == b""
        assert all(client.is_open for client in (*slow, *idle[1:], new))


async def test_a_client_that_leaves_within_a_request_causes_no_error(caplog):
    async with place(LONG) as here:
        client = await here.client(post(10), b"x")
        await until(_served(here))
        client.writer.transport.abort()
        assert await here.get() == b"HTTP/1.1 200 OK"
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


async def test_a_stopping_server_does_not_wait_for_slow_clients(caplog):
    async with place(LONG) as here:
        await here.client(post(10), b"x")
        await here.client()
        answered = await here.client(get("/held"))
        await until(_served(here))
    assert await answered.answer() == b"HTTP/1.1 200 OK"
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


def _served(here: Place) -> Callable[[], object]:
    """Make a request, so that earlier bytes have been read."""

    async def look() -> bool:
        return await here.get() == b"HTTP/1.1 200 OK"

    return look
