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

    async def command(self, form: Mapping[str, str]) -> Ack:
        """Deliver a slash command."""
        at = time.time()
        ack = await self._delivery.command(form)
        self._keep(at, f"{form['command']} {form['text']}", form["user_id"], ack)
        return ack

    async def interaction(self, payload: Mapping[str, Any]) -> Ack:
        """Deliver a shortcut, a press or a submission."""
        at = time.time()
        ack = await self._delivery.interaction(payload)
        actions = ", ".join(each["action_id"] for each in payload.get("actions", ()))
        self._keep(at, f"{payload['type']} {actions}", payload["user"]["id"], ack)
        return ack

    async def event(self, payload: Mapping[str, Any]) -> Ack:
        """Deliver an event."""
        at = time.time()
        ack = await self._delivery.event(payload)
        self._keep(at, f"event {payload['event']['type']}", "", ack)
        return ack

    def _keep(self, at: float, says: str, who: str, ack: Ack) -> None:
        about = f"signed · answered {ack.status} in {ack.seconds * 1000:.0f} ms"
        if who:
            about = f"{who} · {about}"
        self.steps.append(Step(at, "Slack → bot", _short(says), about, not ack.arrived))


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
