"""Response URLs: a few private messages after a command, within 30 minutes."""

from typing import Any

from aiohttp import web

from bot.sandbox.content import check_message
from bot.sandbox.faults import Faults
from bot.sandbox.objects import Ephemeral, Message
from bot.sandbox.passes import PassExpiredError, PassUnknownError, PassUsedError
from bot.sandbox.uploads import fault_text
from bot.sandbox.workspace import Workspace


class ResponseUrlServer:
    """Answers ``/commands/{team}/{secret}``."""

    def __init__(self, workspace: Workspace, faults: Faults) -> None:
        self._workspace = workspace
        self._faults = faults

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Handle one message, with the pending fault of ``response_url``, if any."""
        fault = self._faults.take("response_url")
        return await self._faults.around(request, fault, self._receive, fault_text)

    async def _receive(self, request: web.Request) -> web.Response:
        if "Authorization" in request.headers:
            self._workspace.violations.append("response_url: an Authorization header")
        try:
            body = await request.json() if request.content_type == "application/json" else None
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return web.Response(status=400, text="invalid_payload")
        try:
            about = self._workspace.passes.redeem("response_url", request.match_info["secret"])
        except (PassUnknownError, PassExpiredError):
            return web.Response(status=404, text="expired_url")
        except PassUsedError:
            return web.Response(status=404, text="used_url")
        return self._show(about["channel"], about["user"], body)

    def _show(self, channel: str, user: str, body: dict[str, Any]) -> web.Response:
        if body.get("delete_original"):
            return web.Response(text="ok")
        breach = check_message(body, unknown=self._workspace.unknown_blocks)
        if breach:
            self._workspace.note_breach("response_url", breach)
            return web.Response(status=400, text=breach.error)
        text, blocks = str(body.get("text") or ""), body.get("blocks") or []
        if body.get("response_type") == "in_channel":
            thread_ts = body.get("thread_ts")
            self._workspace.post(
                Message(
                    channel,
                    "",
                    self._workspace.bot_user_id,
                    text,
                    tuple(blocks),
                    thread_ts=str(thread_ts) if thread_ts else None,
                )
            )
        else:
            shown = Ephemeral(channel, user, text, tuple(blocks), via="response_url")
            self._workspace.show(shown)
        return web.Response(text="ok")
