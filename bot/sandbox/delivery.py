"""The two ways a payload reaches the app: a signed POST, or an envelope on a socket."""

import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
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
    seconds: float
    body: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The text to show; empty if there is none."""
        return str(self.body.get("text") or "")

    @property
    def blocks(self) -> tuple[Mapping[str, Any], ...]:
        """The blocks to show."""
        return tuple(self.body.get("blocks") or ())

    @property
    def arrived(self) -> bool:
        """Whether it counts as an ack: 200 within three seconds."""
        return self.status == httpx.codes.OK and self.seconds <= _ACK_SECONDS


class EventDelivery(Protocol):
    """A way for payloads to reach the app."""

    async def send(self, kind: EnvelopeKind, payload: Mapping[str, Any]) -> Ack:
        """Deliver a command, an interaction or an event."""
        ...


class SignedPosts:
    """Requests to the app's URL, signed as Slack signs them (``v0``)."""

    def __init__(self, events_url: str, signing_secret: str) -> None:
        self._events_url = events_url
        self._secret = signing_secret

    async def send(self, kind: EnvelopeKind, payload: Mapping[str, Any]) -> Ack:
        """Deliver an event as JSON, a command as a form, an interaction as its only field."""
        if kind == "events_api":
            body, content_type = json.dumps(payload), "application/json"
        else:
            form = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
            body, content_type = urlencode(form), "application/x-www-form-urlencoded"
        headers = {**signature_headers(self._secret, body), "Content-Type": content_type}
        client = httpx.AsyncClient(
            verify=_TRUSTING_NOBODY, trust_env=False, timeout=_DEADLINE_SECONDS
        )
        async with client:
            began = time.perf_counter()
            response = await client.post(self._events_url, content=body, headers=headers)
            seconds = time.perf_counter() - began
        is_json = response.headers.get("content-type", "").startswith("application/json")
        answer = response.json() if is_json and response.content else response.text
        return Ack(
            response.status_code, seconds, answer if isinstance(answer, dict) else {"text": answer}
        )


class SocketEnvelopes:
    """The same payloads over Socket Mode."""

    def __init__(self, socket_mode: SocketModeServer) -> None:
        self._socket_mode = socket_mode

    async def send(self, kind: EnvelopeKind, payload: Mapping[str, Any]) -> Ack:
        """Deliver it in an envelope, and wait for the ack as long as Slack does."""
        began = time.perf_counter()
        ack = await self._socket_mode.send(kind, payload, timeout_seconds=_ACK_SECONDS)
        seconds = time.perf_counter() - began
        return Ack(0, seconds, {}) if ack is None else Ack(200, seconds, ack)


def signature_headers(
    secret: str, body: str | bytes, timestamp: int | None = None
) -> dict[str, str]:
    """Slack's signature of a body; an old ``timestamp`` makes a replay."""
    stamp = int(time.time()) if timestamp is None else timestamp
    sent = body.encode() if isinstance(body, str) else body
    base = f"v0:{stamp}:".encode() + sent
    digest = hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": str(stamp), "X-Slack-Signature": f"v0={digest}"}
