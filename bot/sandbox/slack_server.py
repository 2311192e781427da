"""A Slack workspace on loopback: Web API, uploads, response URLs and Socket Mode on one port."""

import ssl

from aiohttp import web

from bot.sandbox.loopback import LoopbackServer
from bot.sandbox.passes import PassError
from bot.sandbox.socket_mode import SocketModeServer
from bot.sandbox.uploads import Uploads, fault_text
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
        return [
            web.get("/api/{method}", web_api.handle),
            web.post("/api/{method}", web_api.handle),
            web.post("/upload/v1/{secret}", uploads.handle),
            web.post("/commands/{team}/{secret}", self._response_url),
            web.get("/link/", self.socket_mode.handle),
        ]

    async def start(self, port: int = 0) -> None:
        """Start listening, and use this address in the workspace's URLs."""
        await super().start(port)
        self.workspace.origin = self.origin

    async def close_connections(self) -> None:
        """Close the sockets, which would otherwise stay open."""
        await self.socket_mode.close()

    async def _response_url(self, request: web.Request) -> web.StreamResponse:
        """Handle one message, with the pending fault of ``response_url``, if any."""
        fault = self.faults.take("response_url")
        return await self.faults.around(request, fault, self._follow_up, fault_text)

    async def _follow_up(self, request: web.Request) -> web.Response:
        if "Authorization" in request.headers:
            self.workspace.violations.append("response_url: an Authorization header")
        try:
            body = await request.json() if request.content_type == "application/json" else None
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return web.Response(status=400, text="invalid_payload")
        try:
            about = self.workspace.passes.redeem("response_url", request.match_info["secret"])
        except PassError as error:
            text = "used_url" if error.reason == "used" else "expired_url"
            return web.Response(status=404, text=text)
        if not body.get("delete_original"):
            breach = self.workspace.show_answer(
                about["channel"], about["user"], body, via="response_url"
            )
            if breach:
                return web.Response(status=400, text=breach.error)
        return web.Response(text="ok")
