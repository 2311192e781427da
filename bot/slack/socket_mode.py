"""The Socket Mode connection: the same listeners over a WebSocket."""

import asyncio
import time
from typing import Final

from aiohttp import WSMessage
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.metrics import Metrics

# Slack gives up on an ack after three seconds.
FINISH_SECONDS: Final = 3.0


class SocketMode:
    """Opens, watches and closes the connection; the SDK reconnects by itself."""

    def __init__(
        self, app: AsyncApp, app_token: str, client: AsyncWebClient, metrics: Metrics
    ) -> None:
        self._handler = _Handler(app, app_token, web_client=client)
        self._handler.client.on_message_listeners.append(self._note)
        self._metrics = metrics
        self._last_envelope_at = time.monotonic()

    async def open(self) -> None:
        """Connect."""
        await self._handler.connect_async()  # type: ignore[no-untyped-call]  # the SDK does not annotate it
        self._metrics.socket_envelope_age_seconds.set_function(
            lambda: time.monotonic() - self._last_envelope_at
        )

    async def is_open(self) -> bool:
        """Tell whether the connection stands."""
        connected: bool = await self._handler.client.is_connected()
        return connected

    async def close(self) -> None:
        """Disconnect, once what has already arrived is stored and acked."""
        if self._handler.under_way:
            await asyncio.wait(self._handler.under_way, timeout=FINISH_SECONDS)
        await self._handler.close_async()  # type: ignore[no-untyped-call]  # as above

    async def _note(self, message: WSMessage) -> None:
        del message
        self._last_envelope_at = time.monotonic()


class _Handler(AsyncSocketModeHandler):
    """Knows which envelopes are being answered; the SDK starts those tasks and forgets them."""

    def __init__(self, app: AsyncApp, app_token: str, *, web_client: AsyncWebClient) -> None:
        self.under_way: set[asyncio.Task[object]] = set()
        super().__init__(app, app_token, web_client=web_client)

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]  # as in the SDK
        """Answer one envelope."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that runs has a task
        self.under_way.add(task)
        try:
            await super().handle(client, req)
        finally:
            self.under_way.discard(task)
