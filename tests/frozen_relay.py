"""A connection to PostgreSQL that can stand still: bytes wait, and nothing breaks."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Self

from sqlalchemy import make_url


class FrozenRelay:
    """Passes bytes between clients and the server's socket while it is not frozen."""

    def __init__(self, database_url: str) -> None:
        self._url = make_url(database_url)
        self._flows = asyncio.Event()
        self._flows.set()
        self._pumps: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.thaw()
        self._server.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    @property
    def url(self) -> str:
        """The same database, by way of here."""
        port = self._server.sockets[0].getsockname()[1]
        user = self._url.username or Path(str(self._url.query["host"])).owner()
        return f"postgresql://{user}@127.0.0.1:{port}/{self._url.database}?sslmode=disable"

    def freeze(self) -> None:
        """Let nothing through, in either direction."""
        self._flows.clear()

    def thaw(self) -> None:
        """Let what waits through."""
        self._flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = self._url.port or 5432
        socket = Path(str(self._url.query["host"])) / f".s.PGSQL.{port}"
        to_server = await asyncio.open_unix_connection(socket)
        for source, sink in ((reader, to_server[1]), (to_server[0], writer)):
            pump = asyncio.create_task(self._pump(source, sink))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError):
                while data := await source.read(65536):
                    await self._flows.wait()
                    sink.write(data)
                    await sink.drain()
        finally:
            sink.close()
