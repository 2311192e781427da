"""The requests between Slack, the bot and PolyAI, in their order."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from bot.sandbox.delivery import Ack, EventDelivery
from bot.sandbox.objects import Call
from bot.sandbox.polyai_calls import Request
from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.socket_mode import EnvelopeKind
from bot.sandbox.workspace import Workspace

SHOWN: Final = ("channel", "user", "ts", "thread_ts", "file", "filename", "length", "users")
"""The arguments of Web API calls that the page shows, without triggers and URLs."""
SHORT: Final = 70
KEYS: Final = {
    "plain": "the plain key",
    "raw": "the raw key",
    "platform": "the platform key",
    "unknown": "an unknown key",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One request."""

    at: float
    """Seconds since 1970."""
    between: str
    says: str
    about: str
    is_refused: bool = False
    channel_id: str = ""
    """Set if it concerns one channel."""


class WatchedDelivery:
    """Forwards people's actions, and records them."""

    def __init__(self, delivery: EventDelivery) -> None:
        self._delivery = delivery
        self.steps: list[Step] = []

    async def send(self, kind: EnvelopeKind, payload: Mapping[str, Any]) -> Ack:
        """Deliver it, and record the request with its answer."""
        at = time.time()
        ack = await self._delivery.send(kind, payload)
        about = f"signed · answered {ack.status} in {ack.seconds * 1000:.0f} ms"
        match kind:
            case "slash_commands":
                says = f"{payload['command']} {payload['text']}"
                about = f"{payload['user_id']} · {about}"
            case "interactive":
                actions = ", ".join(each["action_id"] for each in payload.get("actions", ()))
                says = f"{payload['type']} {actions}"
                about = f"{payload['user']['id']} · {about}"
            case _:
                says = f"event {payload['event']['type']}"
        self.steps.append(Step(at, "Slack → bot", _short(says), about, not ack.arrived))
        return ack


def traffic(
    workspace: Workspace, polyai: PolyAISandbox, delivery: WatchedDelivery
) -> Sequence[Step]:
    """Return every request so far, oldest first."""
    steps = [*delivery.steps, *map(_web_api, workspace.calls), *map(_polyai, polyai.requests)]
    return sorted(steps, key=lambda step: step.at)


def _web_api(call: Call) -> Step:
    shown = [f"{name} {call.arguments[name]}" for name in SHOWN if call.arguments.get(name)]
    about = " · ".join([*shown, call.status])
    channel_id = str(call.arguments.get("channel") or "")
    return Step(call.at, "bot → Slack", call.method, _short(about), call.status != "ok", channel_id)


def _polyai(request: Request) -> Step:
    redacted = request.query.get("redacted")
    about = [KEYS[request.key_kind]]
    if redacted:
        about.append(f"redacted={redacted}")
    about.append(str(request.status) if request.status else "the connection broke off")
    path = request.path.split("/conversations", 1)[-1].strip("/") or "conversations"
    refused = request.status != HTTPStatus.OK
    return Step(request.at, "bot → PolyAI", _short(f"GET {path}"), " · ".join(about), refused)


def _short(words: str) -> str:
    return words if len(words) <= SHORT else f"{words[: SHORT - 1]}…"
