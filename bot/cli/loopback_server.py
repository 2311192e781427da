"""Serves an ASGI application on loopback, in the caller's event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn

LOOPBACK: Final = "127.0.0.1"


@asynccontextmanager
async def serve_on_loopback(config: uvicorn.Config, port: int = 0) -> AsyncIterator[str]:
    """Serve until the block ends; yields the origin. Port 0 picks a free one."""
    server = _LoopbackServer(config)
    with socket.create_server((LOOPBACK, port)) as listener:
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await server.is_up.wait()
            yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        finally:
            server.is_to_stop.set()
            await task


class _LoopbackServer(uvicorn.Server):
    """Signals when it is up, stops at once, and does not handle the signals of its process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()
        self.is_to_stop = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening."""
        await super().startup(sockets)
        self.is_up.set()

    async def main_loop(self) -> None:
        """Serve until ``is_to_stop`` is set; uvicorn checks its own flag every 0.1 seconds."""
        await self.on_tick(0)
        await self.is_to_stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what was received; uvicorn waits 0.1 seconds even if there is nothing."""
        del sockets
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                await self._wait_tasks_to_complete()
        except TimeoutError:
            for task in self.server_state.tasks:
                task.cancel()
        await self.lifespan.shutdown()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture no signals."""
        yield
