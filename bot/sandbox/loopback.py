"""One HTTP server on an ephemeral loopback port, in the caller's event loop."""

import ssl
from types import TracebackType
from typing import Self

from aiohttp import web

from bot.sandbox.faults import Faults

_GRACE_SECONDS = 1.0


class LoopbackServer:
    """Serves ``routes()`` between entering and leaving the context.

    aiohttp's server, because uvicorn speaks WebSocket only with packages this project does not
    have, and because the stand-ins must be able to cut a body short.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, *, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.tls = tls
        self._runner: web.AppRunner | None = None
        self._origin = ""

    @property
    def origin(self) -> str:
        """``http://127.0.0.1:PORT`` while the server runs; with ``tls`` it is https."""
        if not self._origin:
            raise RuntimeError("the stand-in is not running")
        return self._origin

    def routes(self) -> list[web.RouteDef]:
        """What this server answers."""
        raise NotImplementedError

    async def close_connections(self) -> None:
        """Close connections that would prevent the server from stopping at once."""

    async def start(self, port: int = 0) -> None:
        """Listen on loopback; port 0 picks a free one."""
        app = web.Application(client_max_size=8 * 2**20)
        app.add_routes(self.routes())
        # A crashed handler is answered by a 500, with its traceback in the log, which is wanted.
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_GRACE_SECONDS)
        await runner.setup()
        self._runner = runner
        site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True, ssl_context=self.tls)
        await site.start()
        host, bound_port = runner.addresses[0][:2]
        self._origin = f"{'https' if self.tls else 'http'}://{host}:{bound_port}"

    async def stop(self) -> None:
        """Release held requests, then stop listening."""
        self.faults.clear()
        await self.close_connections()
        if self._runner is not None:
            await self._runner.cleanup()
        self._runner, self._origin = None, ""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()
