"""Slack's side of Socket Mode: hello, envelopes, acks, as Slack documents them."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from aiohttp import WSCloseCode, WSMsgType, web

from bot.sandbox.passes import PassError
from bot.sandbox.workspace import Workspace

EnvelopeKind = Literal["slash_commands", "interactive", "events_api"]
_MOST_CONNECTIONS = 10
_CLOSE_SECONDS = 0.5
_LEAVE_SECONDS = 2.0


Ack = Mapping[str, Any]
"""The payload of the app's ack of an envelope; empty if it has none."""


class SocketModeServer:
    """The open connections of one app; every envelope goes to one of them."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._connections: list[web.WebSocketResponse] = []
        self._changed = asyncio.Condition()
        self._sent: dict[str, dict[str, Any]] = {}
        self._acks: dict[str, list[Ack]] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Handle one connection, opened with a ticket of ``apps.connections.open``."""
        try:
            self._workspace.passes.redeem("socket", request.query.get("ticket", ""))
        except PassError:
            return web.Response(status=403)
        if len(self._connections) >= _MOST_CONNECTIONS:
            return web.Response(status=429)
        # Closing waits for the other side's frame, which a killed app never sends.
        socket = web.WebSocketResponse(timeout=_CLOSE_SECONDS)
        await socket.prepare(request)
        await socket.send_json(
            {
                "type": "hello",
                "num_connections": len(self._connections) + 1,
                "connection_info": {"app_id": self._workspace.app_id},
                "debug_info": {"host": "sandbox", "approximate_connection_time": 18060},
            }
        )
        await self._note(lambda: self._connections.append(socket))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._receive(message.data)
        finally:
            if socket in self._connections:
                await self._note(lambda: self._connections.remove(socket))
        return socket

    async def _receive(self, text: str) -> None:
        try:
            body = json.loads(text)
        except ValueError:
            return  # Slack drops unreadable messages
        if not isinstance(body, dict) or body.get("envelope_id") not in self._sent:
            return
        acks = self._acks[body["envelope_id"]]
        await self._note(lambda: acks.append(body.get("payload") or {}))

    async def _note(self, change: Callable[[], object]) -> None:
        async with self._changed:
            change()
            self._changed.notify_all()

    async def connected(self, *, timeout_seconds: float = 10.0) -> None:
        """Wait until the app has a connection.

        Raises:
            TimeoutError: it has none after the time-out.
        """
        async with asyncio.timeout(timeout_seconds), self._changed:
            await self._changed.wait_for(lambda: bool(self._connections))

    async def send(
        self, kind: EnvelopeKind, payload: Mapping[str, Any], *, timeout_seconds: float = 3.0
    ) -> Ack | None:
        """Deliver a payload in a new envelope; returns its ack, or None after the time-out."""
        envelope: dict[str, Any] = {
            "envelope_id": str(uuid.uuid4()),
            "type": kind,
            "payload": dict(payload),
            "accepts_response_payload": kind != "events_api",
        }
        if kind == "events_api":
            envelope |= {"retry_attempt": 0, "retry_reason": ""}
        self._sent[envelope["envelope_id"]] = envelope
        return await self._deliver(envelope, timeout_seconds)

    async def redeliver(self, envelope_id: str, *, timeout_seconds: float = 3.0) -> Ack | None:
        """Deliver an envelope once more, as after a lost ack."""
        envelope = self._sent[envelope_id]
        if envelope["type"] == "events_api":
            envelope |= {"retry_attempt": envelope["retry_attempt"] + 1, "retry_reason": "timeout"}
        return await self._deliver(envelope, timeout_seconds)

    @property
    def envelope_ids(self) -> list[str]:
        """Return the id of every envelope sent, oldest first."""
        return list(self._sent)

    async def _deliver(self, envelope: dict[str, Any], timeout_seconds: float) -> Ack | None:
        await self.connected()
        acks = self._acks.setdefault(envelope["envelope_id"], [])
        already = len(acks)
        await self._connections[-1].send_json(envelope)
        try:
            async with asyncio.timeout(timeout_seconds), self._changed:
                await self._changed.wait_for(lambda: len(acks) > already)
        except TimeoutError:
            return None
        return acks[-1]

    async def disconnect(self) -> None:
        """Ask every connection to reconnect, as Slack does at times; close those that stay."""
        asked = tuple(self._connections)
        for socket in asked:
            await socket.send_json({"type": "disconnect", "reason": "refresh_requested"})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_SECONDS), self._changed:
                await self._changed.wait_for(lambda: all(socket.closed for socket in asked))
        await self._close(asked)

    async def close(self) -> None:
        """Close every connection without a warning."""
        await self._close(tuple(self._connections))

    async def _close(self, sockets: Iterable[web.WebSocketResponse]) -> None:
        for socket in sockets:
            if not socket.closed:
                await socket.close(code=WSCloseCode.GOING_AWAY)
