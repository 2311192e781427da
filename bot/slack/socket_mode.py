"""The Socket Mode connection: the same listeners over a WebSocket."""

import asyncio
import logging
import re
import time
from typing import Final

from aiohttp import ClientTimeout, WSMessage
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.network.connection_failures import why
from bot.network.outbound import Outbound
from bot.observability.logs import get_logger
from bot.observability.metrics import Metrics
from bot.slack.rejected_requests import RejectedRequests, RejectionCause
from bot.slack.shapes import is_well_formed
from bot.slack.web_api.errors import BY_CODE, ScopeMissing, SlackTokenRejected
from bot.slack.web_api.hosts import is_trusted

log = get_logger(__name__)

FINISH_SECONDS: Final = 2.0
"""How long received envelopes may take to be stored and acked after a signal to stop."""
CLOSE_SECONDS: Final = 1.0
"""How long Slack may take to answer the close; over a dead network no answer comes."""
OPEN_SECONDS: Final = 10.0
"""How long a start waits for the connection before it continues without."""
CONNECTING: Final = ClientTimeout(total=60, sock_connect=10)
"""For the handshake only: a WebSocket stays open as long as its pings are answered."""


TWICE_LOGGED: Final = "Failed to retrieve WSS URL"
"""The SDK's line about what `socket_not_opened` says."""
RETRIED: Final = "Failed to connect (error: "
ELSEWHERE: Final = "The address that Slack gave for the connection is not Slack's."


class SocketElsewhere(Exception):
    """The Web API returned an address for the connection that is not Slack's."""


def _cause_of(error: Exception) -> str:
    """Word why there is no connection, without a URL."""
    if isinstance(error, SlackApiError):
        code = str(error.response.get("error", ""))
        if BY_CODE.get(code) is SlackTokenRejected:
            return f"Slack does not accept SLACK_APP_TOKEN: it answers `{code}`."
        if BY_CODE.get(code) is ScopeMissing:
            return f"SLACK_APP_TOKEN lacks connections:write: Slack answers `{code}`."
        is_word = re.fullmatch(r"[a-z_]{1,60}", code)
        return f"Slack answers `{code}`." if is_word else "Slack refuses it."
    return why(error) or type(error).__name__


def _shortened(record: logging.LogRecord) -> bool:
    """Keep the SDK's lines about a failed connection short: each attempt fails alike."""
    if record.msg.startswith(TWICE_LOGGED):
        return False
    if record.msg.startswith(RETRIED):
        record.exc_info = None
    return True


class SocketMode:
    """Opens, monitors and closes the connection; the SDK reconnects automatically."""

    def __init__(
        self,
        app: AsyncApp,
        app_token: str,
        client: AsyncWebClient,
        metrics: Metrics,
        outbound: Outbound,
    ) -> None:
        self._outbound = outbound
        self._handler = _Handler(
            app, app_token, web_client=client, rejected_requests=RejectedRequests(metrics)
        )
        self._handler.client.logger.addFilter(_shortened)
        self._handler.client.on_message_listeners.append(self._note)
        self._metrics = metrics
        self._last_envelope_at = time.monotonic()
        self._opening: asyncio.Task[None] | None = None

    async def open(self, open_seconds: float = OPEN_SECONDS) -> None:
        """Connect with a session of our outbound policy, not with the SDK's own.

        While Slack cannot be reached, connecting is retried in the background; the bot is alive and
        not ready, and each failure is logged with its cause.
        """
        client = self._handler.client
        issue = client.issue_new_wss_url

        async def issue_trusted() -> str:
            try:
                url: str = await issue()
            except Exception as error:
                log.warning("socket_not_opened", cause=_cause_of(error))
                raise
            # Envelopes are not signed, so the host at the other end could impersonate anybody.
            if not is_trusted(url.replace("ws", "http", 1), client.web_client.base_url):
                log.warning("socket_not_opened", cause=ELSEWHERE)
                raise SocketElsewhere(ELSEWHERE)
            return url

        client.issue_new_wss_url = issue_trusted  # type: ignore[method-assign]  # the SDK has no other place for it
        await client.aiohttp_client_session.close()
        client.aiohttp_client_session = self._outbound.session(timeout=CONNECTING)
        # The SDK retries until it is closed.
        self._opening = asyncio.create_task(self._handler.connect_async())  # type: ignore[no-untyped-call]  # the SDK does not annotate it
        done, _ = await asyncio.wait([self._opening], timeout=open_seconds)
        if not done:
            log.warning("socket_still_opening", seconds=open_seconds)
        self._metrics.socket_envelope_age_seconds.set_function(
            lambda: time.monotonic() - self._last_envelope_at
        )

    def rotate(self, app_token: str) -> None:
        """Use another token for the next connection; the current one stays open."""
        self._handler.client.app_token = app_token

    async def is_open(self) -> bool:
        """Return whether the connection is open."""
        connected: bool = await self._handler.client.is_connected()
        return connected

    async def close(self) -> None:
        """Disconnect after every received envelope is stored and acked."""
        if self._opening and not self._opening.done():
            self._opening.cancel()
            await asyncio.wait([self._opening])
        if self._handler.under_way:
            await asyncio.wait(self._handler.under_way, timeout=FINISH_SECONDS)
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._handler.close_async()  # type: ignore[no-untyped-call]  # as above
        except TimeoutError:
            # aiohttp waits ten seconds; cancelled, it has cut the connection.
            log.warning("socket_cut", seconds=CLOSE_SECONDS)
            await self._handler.close_async()  # type: ignore[no-untyped-call]  # as above

    async def _note(self, message: WSMessage) -> None:
        del message
        self._last_envelope_at = time.monotonic()


class _Handler(AsyncSocketModeHandler):
    """Keeps track of the envelopes being answered; the SDK does not keep its tasks."""

    def __init__(
        self,
        app: AsyncApp,
        app_token: str,
        *,
        web_client: AsyncWebClient,
        rejected_requests: RejectedRequests,
    ) -> None:
        self.under_way: set[asyncio.Task[object]] = set()
        self._rejected = rejected_requests
        super().__init__(app, app_token, web_client=web_client)

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]  # as in the SDK
        """Answer one envelope; an unreadable one is acked too, so that Slack does not resend it."""
        if not is_well_formed(req.payload):
            self._rejected.note(RejectionCause.MALFORMED)
            await client.send_socket_mode_response(SocketModeResponse(req.envelope_id))
            return
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that runs has a task
        self.under_way.add(task)
        try:
            await super().handle(client, req)
        finally:
            self.under_way.discard(task)
