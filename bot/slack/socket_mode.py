"""The Socket Mode connection: the same listeners over a WebSocket."""

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient


class SocketMode:
    """Opens, watches and closes the connection; the SDK reconnects by itself."""

    def __init__(self, app: AsyncApp, app_token: str, client: AsyncWebClient) -> None:
        self._handler = AsyncSocketModeHandler(app, app_token, web_client=client)

    async def open(self) -> None:
        """Connect."""
        await self._handler.connect_async()  # type: ignore[no-untyped-call]  # the SDK does not annotate it

    async def is_open(self) -> bool:
        """Tell whether the connection stands."""
        connected: bool = await self._handler.client.is_connected()
        return connected

    async def close(self) -> None:
        """Disconnect."""
        await self._handler.close_async()  # type: ignore[no-untyped-call]  # as above
