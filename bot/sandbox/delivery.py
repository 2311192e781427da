"""The two ways a payload reaches the app: a signed POST, or an envelope on a socket."""

import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

import httpx

from bot.sandbox.socket_mode import EnvelopeKind, SocketModeServer

_ACK_SECONDS = 3.0
_DEADLINE_SECONDS = 10.0
# The app is on loopback, so no certificates and no proxy are needed.
_TRUSTING_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True)
class Ack:
    """The app's answer; over a socket 200 means an ack and 0 means none."""

    status: int
    text: str
    blocks: tuple[Mapping[str, Any], ...]
    seconds: float
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def arrived(self) -> bool:
        """Whether it counts as an ack: 200 within three seconds."""
        return self.status == httpx.codes.OK and self.seconds <= _ACK_SECONDS


class EventDelivery(Protocol):
    """A way for payloads to reach the app."""

    async def command(self, form: Mapping[str, str]) -> Ack:
        """Deliver a slash command."""
        ...

    async def interaction(self, payload: Mapping[str, Any]) -> Ack:
        """Deliver a shortcut, a button press or a submission."""
        ...

    async def event(self, payload: Mapping[str, Any]) -> Ack:
        """Deliver an event callback."""
        ...


class SignedPosts:
    """Requests to the app's URL, signed as Slack signs them (``v0``)."""

    def __init__(self, events_url: str, signing_secret: str) -> None:
        self._events_url = events_url
        self._secret = signing_secret

    async def command(self, form: Mapping[str, str]) -> Ack:
        """Deliver a slash command as a form."""
        return await self._post(urlencode(form), "application/x-www-form-urlencoded")

    async def interaction(self, payload: Mapping[str, Any]) -> Ack:
        """Deliver the payload as the one field of a form."""
        form = urlencode({"payload": json.dumps(payload)})
        return await self._post(form, "application/x-www-form-urlencoded")

    async def event(self, payload: Mapping[str, Any]) -> Ack:
        """Deliver the callback as JSON."""
        return await self._post(json.dumps(payload), "application/json")

    async def _post(self, body: str, content_type: str) -> Ack:
        headers = signature_headers(self._secret, body)
        headers["Content-Type"] = content_type
        client = httpx.AsyncClient(
            verify=_TRUSTING_NOBODY, trust_env=False, timeout=_DEADLINE_SECONDS
        )
        async with client:
            began = time.perf_counter()
            response = await client.post(self._events_url, content=body, headers=headers)
            seconds = time.perf_counter() - began
        is_json = response.headers.get("content-type", "").startswith("application/json")
        if is_json and response.content:
            parsed = response.json()
            answer: dict[str, Any] = parsed if isinstance(parsed, dict) else {"text": parsed}
        else:
            answer = {"text": response.text}
        return _ack(response.status_code, answer, seconds)


class SocketEnvelopes:
    """The same payloads over Socket Mode."""

    def __init__(self, socket_mode: SocketModeServer) -> None:
        self._socket_mode = socket_mode

    async def command(self, form: Mapping[str, str]) -> Ack:
        """Deliver a slash command."""
        return await self._send("slash_commands", form)

    async def interaction(self, payload: Mapping[str, Any]) -> Ack:
        """Deliver a shortcut, a button press or a submission."""
        return await self._send("interactive", payload)

    async def event(self, payload: Mapping[str, Any]) -> Ack:
        """Deliver an event callback."""
        return await self._send("events_api", payload)

    async def _send(self, kind: EnvelopeKind, payload: Mapping[str, Any]) -> Ack:
        began = time.perf_counter()
        ack = await self._socket_mode.send(kind, payload, timeout_seconds=_ACK_SECONDS)
        seconds = time.perf_counter() - began
        return _ack(0 if ack is None else 200, {} if ack is None else ack.payload, seconds)


def signature_headers(
    secret: str, body: str | bytes, timestamp: int | None = None
) -> dict[str, str]:
    """Slack's signature of a body; an old ``timestamp`` makes a replay."""
    stamp = int(time.time()) if timestamp is None else timestamp
    sent = body.encode() if isinstance(body, str) else body
    base = f"v0:{stamp}:".encode() + sent
    digest = hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": str(stamp), "X-Slack-Signature": f"v0={digest}"}


def _ack(status: int, body: Mapping[str, Any], seconds: float) -> Ack:
    blocks = tuple(body.get("blocks") or ())
    return Ack(status, str(body.get("text") or ""), blocks, seconds, body)
