"""A Slack workspace on loopback: Web API, uploads, response URLs and Socket Mode on one port."""

import ssl
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from bot.sandbox.loopback import LoopbackServer
from bot.sandbox.response_urls import ResponseUrlServer
from bot.sandbox.socket_mode import EnvelopeKind, SocketAck, SocketModeServer
from bot.sandbox.uploads import Uploads
from bot.sandbox.web_api import WebApi
from bot.sandbox.workspace import Workspace


class SlackSandbox(LoopbackServer):
    """Slack, as far as it is documented; ``async with SlackSandbox(workspace) as slack``."""

    def __init__(self, workspace: Workspace, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.workspace = workspace
        self.socket_mode = SocketModeServer(workspace)

    @property
    def url(self) -> str:
        """The Web API's base, with its slash at the end."""
        return f"{self.origin}/api/"

    def routes(self) -> list[web.RouteDef]:
        """What Slack answers."""
        web_api = WebApi(self.workspace, self.faults)
        uploads = Uploads(self.workspace, self.faults)
        response_urls = ResponseUrlServer(self.workspace, self.faults)
        return [
            web.get("/api/{method}", web_api.handle),
            web.post("/api/{method}", web_api.handle),
            web.post("/upload/v1/{secret}", uploads.handle),
            web.post("/commands/{team}/{secret}", response_urls.handle),
            web.get("/link/", self.socket_mode.handle),
        ]

    async def start(self, port: int = 0) -> None:
        """Start listening, and use this address in the workspace's URLs."""
        await super().start(port)
        self.workspace.origin = self.origin

    async def close_connections(self) -> None:
        """Close the sockets, which would otherwise stay open."""
        await self.socket_mode.close()

    async def send_envelope(
        self, kind: EnvelopeKind, payload: Mapping[str, Any], *, timeout_seconds: float = 3.0
    ) -> SocketAck | None:
        """Deliver over Socket Mode; returns the ack, or None if there was none in time."""
        return await self.socket_mode.send(kind, payload, timeout_seconds=timeout_seconds)

    async def redeliver(
        self, envelope_id: str, *, timeout_seconds: float = 3.0
    ) -> SocketAck | None:
        """Deliver an envelope once more, as after a lost ack."""
        return await self.socket_mode.redeliver(envelope_id, timeout_seconds=timeout_seconds)
