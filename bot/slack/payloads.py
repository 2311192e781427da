"""Who acted, as Slack's payloads tell it (docs: "Handling user interaction")."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import SecretStr

from bot.access.administration import Actor
from bot.errors import CallAudioError
from bot.recordings.requester import Requester

Choice = str | int | bool | None

SENT_AT: Final = "callaudio_sent_at"
"""The key under which a body says when Slack sent it: its signed time, by this clock."""


class Malformed(CallAudioError):
    """A payload lacks what its kind always brings."""

    code = "malformed"
    likely_cause = "A form of Slack's messages that is newer than this version of callaudio."


def actor_of_command(command: Mapping[str, Any]) -> Actor:
    """Read who typed a command."""
    return Actor(
        team_id=str(command["team_id"]),
        enterprise_id=command.get("enterprise_id") or None,
        user_id=str(command["user_id"]),
        trigger_id=str(command["trigger_id"]),
    )


def actor_of(body: Mapping[str, Any]) -> Actor:
    """Read who pressed or submitted, by their own workspace where Slack tells it.

    People of other workspaces can press buttons too.
    """
    user = body["user"]
    team_id = user.get("team_id") or (body.get("team") or {}).get("id")
    enterprise_id = (body.get("enterprise") or {}).get("id")
    return Actor(
        team_id=str(team_id),
        enterprise_id=enterprise_id,
        user_id=str(user["id"]),
        trigger_id=body.get("trigger_id"),
    )


def requester_of_command(command: Mapping[str, Any]) -> Requester:
    """Read who asks by a command, and where."""
    return Requester(
        actor=actor_of_command(command),
        channel_id=str(command["channel_id"]),
        trigger_id=str(command["trigger_id"]),
        response_url=secret(command.get("response_url")),
        sent_at=_sent_at(command),
    )


def requester_of_action(body: Mapping[str, Any], action: Mapping[str, Any]) -> Requester:
    """Read who asks by a button, and where."""
    actor = actor_of(body)
    return Requester(
        actor=actor,
        channel_id=str((body.get("channel") or {}).get("id") or actor.user_id),
        # A press has a time of its own; pressing twice is asking twice, within the usual window.
        trigger_id=str(body.get("trigger_id") or action.get("action_ts")),
        response_url=secret(body.get("response_url")),
        sent_at=_sent_at(body),
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
    """Read the value of what was chosen from a menu; empty where nothing was."""
    return str((action.get("selected_option") or {}).get("value") or "")


def requester_of_submission(
    body: Mapping[str, Any], view: Mapping[str, Any], channel_id: str, *choices: Choice
) -> Requester:
    """Read who asks by a form in a conversation; ``choices`` is all that was chosen there.

    A submission brings no way to answer of its own; the bot's ways do without.
    """
    return Requester(
        actor=actor_of(body),
        channel_id=channel_id,
        trigger_id=submission_id_of(view, *choices),
        response_url=None,
        sent_at=_sent_at(body),
    )


def submission_id_of(view: Mapping[str, Any], *choices: Choice) -> str:
    """Name what a form asks for: the same form with the same choices has the same name.

    Slack sends a submission with nothing that names it, and the form stays open after an error: its
    own id alone would take the next choice for the first one again.
    """
    # Hashed, for choices may be words, and of any length.
    asked = json.dumps([str(view["id"]), *choices])
    return hashlib.sha256(asked.encode()).hexdigest()


def field_of(view: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Read what was filled in in the block and element of that name; empty where nothing was."""
    values = (view.get("state") or {}).get("values") or {}
    found = (values.get(name) or {}).get(name)
    return found if isinstance(found, dict) else {}


def required_id(event: Mapping[str, Any], name: str) -> str:
    """Read an id that an event of this kind always tells.

    Raises:
        Malformed: it does not.
    """
    value = event.get(name)
    if not isinstance(value, str) or not value:
        raise Malformed
    return value


def secret(value: object) -> SecretStr | None:
    """Wrap a bearer address; None if there is none."""
    return SecretStr(value) if isinstance(value, str) and value else None


def _sent_at(body: Mapping[str, Any]) -> datetime | None:
    value = body.get(SENT_AT)
    return value if isinstance(value, datetime) else None
