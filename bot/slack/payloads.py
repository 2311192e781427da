"""Reads from Slack's payloads who acted, and where (docs: "Handling user interaction")."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import SecretStr

from bot.access.administration import Actor
from bot.errors import CallAudioError
from bot.polyai.payloads import Direction
from bot.recordings.requests.authorization import Requester
from bot.slack.identifiers import Input

Choice = str | int | bool | None

SENT_AT: Final = "callaudio_sent_at"
"""The key under which a body says when Slack sent it: its signed time, by this clock."""


class Malformed(CallAudioError):
    """A payload lacks a field that its kind always has."""

    code = "malformed"
    likely_cause = "A form of Slack's messages that is newer than this version of callaudio."


def actor_of_command(command: Mapping[str, Any]) -> Actor:
    """Read who typed a command."""
    return Actor(
        team_id=str(command["team_id"]),
        enterprise_id=command.get("enterprise_id") or None,
        user_id=str(command["user_id"]),
        trigger_id=str(command["trigger_id"]),
        sent_at=_sent_at(command),
    )


def actor_of(body: Mapping[str, Any]) -> Actor:
    """Read who acted, with their own workspace if the payload has it.

    People of other workspaces can use buttons too.
    """
    user = body["user"]
    team_id = user.get("team_id") or (body.get("team") or {}).get("id")
    enterprise_id = (body.get("enterprise") or {}).get("id")
    return Actor(
        team_id=str(team_id),
        enterprise_id=enterprise_id,
        user_id=str(user["id"]),
        trigger_id=body.get("trigger_id"),
        sent_at=_sent_at(body),
    )


def requester_of_command(command: Mapping[str, Any]) -> Requester:
    """Read the requester from a command."""
    return Requester(
        actor=actor_of_command(command),
        channel_id=str(command["channel_id"]),
        trigger_id=str(command["trigger_id"]),
        response_url=secret(command.get("response_url")),
    )


def requester_of_action(body: Mapping[str, Any], action: Mapping[str, Any]) -> Requester:
    """Read the requester from a button."""
    actor = actor_of(body)
    return Requester(
        actor=actor,
        channel_id=str((body.get("channel") or {}).get("id") or actor.user_id),
        # Each press has its own time, so pressing twice makes two requests; the usual window for
        # double submits then applies.
        trigger_id=str(body.get("trigger_id") or action.get("action_ts")),
        response_url=secret(body.get("response_url")),
    )


def thread_of(body: Mapping[str, Any]) -> str | None:
    """Read the ts of the thread that a press on a message belongs to: its parent, or itself."""
    container, message = body.get("container") or {}, body.get("message") or {}
    for ts in (
        message.get("thread_ts"),
        container.get("thread_ts"),
        message.get("ts"),
        container.get("message_ts"),
    ):
        if ts:
            return str(ts)
    return None


def chosen(action: Mapping[str, Any]) -> str:
    """Read the chosen value of a menu; empty if nothing was chosen."""
    return str((action.get("selected_option") or {}).get("value") or "")


def requester_of_submission(
    body: Mapping[str, Any], view: Mapping[str, Any], channel_id: str, *choices: Choice
) -> Requester:
    """Read the requester from a form about a conversation; ``choices`` is all its input.

    A submission has no response URL, so answers use the bot's own messages.
    """
    return Requester(
        actor=actor_of(body),
        channel_id=channel_id,
        trigger_id=submission_id_of(view, *choices),
        response_url=None,
    )


def submission_id_of(view: Mapping[str, Any], *choices: Choice) -> str:
    """Build the idempotency key of a submission: the same form with the same input has the same.

    A submission has no id of its own. The form's id alone would not do: the form stays open after
    an error, and its next input would count as a repeat.
    """
    # Hashed, because the input may contain words, of any length.
    asked = json.dumps([str(view["id"]), *choices])
    return hashlib.sha256(asked.encode()).hexdigest()


def field_of(view: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Read the input of the field of that name; empty if there is none."""
    values = (view.get("state") or {}).get("values") or {}
    found = (values.get(name) or {}).get(name)
    return found if isinstance(found, dict) else {}


def direction_of(view: Mapping[str, Any]) -> Direction:
    """Read the side of the call that a form requests; the default is both."""
    side = chosen(field_of(view, Input.DIRECTION))
    return Direction(side) if side in list(Direction) else Direction.COMBINED


def required_id(event: Mapping[str, Any], name: str) -> str:
    """Read an id that this kind of event always has.

    Raises:
        Malformed: it is missing.
    """
    value = event.get(name)
    if not isinstance(value, str) or not value:
        raise Malformed
    return value


def secret(value: object) -> SecretStr | None:
    """Wrap a bearer URL; None if there is none."""
    return SecretStr(value) if isinstance(value, str) and value else None


def _sent_at(body: Mapping[str, Any]) -> datetime | None:
    value = body.get(SENT_AT)
    return value if isinstance(value, datetime) else None
