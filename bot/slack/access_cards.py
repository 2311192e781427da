"""The messages of a request for access: the question, and what came of it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from bot.access.request_store import LIFETIME
from bot.access.requests import AccessRequest, AccessState
from bot.slack import wording
from bot.slack.actions import Action

Message = dict[str, Any]

LIFETIME_HOURS: Final = round(LIFETIME.total_seconds() / 3600)


def question(request: AccessRequest, *, is_reminder: bool) -> Message:
    """The message in which admins decide."""
    text = f"Still waiting: {_wish(request)}" if is_reminder else _wish(request)
    buttons = [
        _button(Action.APPROVE_ACCESS, "Approve", request.id, style="primary"),
        _button(Action.DENY_ACCESS, "Deny", request.id, style="danger"),
    ]
    blocks = [*_about(request, text), {"type": "actions", "elements": buttons}]
    return {"text": f"{text} {wording.escape(request.reason)}", "blocks": blocks}


def outcome(request: AccessRequest) -> Message:
    """The same message once it is decided."""
    said = OUTCOMES[request.state](request)
    text = f"{_wish(request)} {said}"
    return {"text": text, "blocks": [*_about(request, _wish(request)), _context(said)]}


def answer(request: AccessRequest) -> Message:
    """What the asker is told."""
    return ANSWERS[request.state](request)


def warning(request: AccessRequest, ends_at: datetime) -> Message:
    """What the asker is told shortly before the end."""
    text = f"You may hear raw recordings until {wording.moment(ends_at)}; then it ends."
    return _with_button(text, Action.REQUEST_ACCESS, "Ask again", request)


def _approved(request: AccessRequest) -> str:
    until = f", until {wording.moment(request.ends_at)}" if request.ends_at else ""
    return f"*Approved* by <@{request.decided_by}>{until}."


def _denied(request: AccessRequest) -> str:
    return f"*Denied* by <@{request.decided_by}>."


def _expired(_: AccessRequest) -> str:
    return f"*Expired*: nobody decided within {LIFETIME_HOURS} hours."


def _tell_approved(request: AccessRequest) -> Message:
    until = f" until {wording.moment(request.ends_at)}" if request.ends_at else ""
    text = f"<@{request.decided_by}> approved your request: you may hear raw recordings{until}."
    return _with_button(text, Action.SEND_AGAIN, "Send it now", request)


def _tell_denied(request: AccessRequest) -> Message:
    text = f"<@{request.decided_by}> denied your request to hear raw recordings."
    return {"text": text, "blocks": [_section(text), _context(_reference(request))]}


def _tell_expired(request: AccessRequest) -> Message:
    text = (
        f"Nobody decided on your request to hear raw recordings within {LIFETIME_HOURS} hours, "
        "so it has expired."
    )
    return _with_button(text, Action.REQUEST_ACCESS, "Ask again", request)


OUTCOMES: Final[Mapping[AccessState, Callable[[AccessRequest], str]]] = MappingProxyType(
    {
        AccessState.APPROVED: _approved,
        AccessState.DENIED: _denied,
        AccessState.EXPIRED: _expired,
    }
)
ANSWERS: Final[Mapping[AccessState, Callable[[AccessRequest], Message]]] = MappingProxyType(
    {
        AccessState.APPROVED: _tell_approved,
        AccessState.DENIED: _tell_denied,
        AccessState.EXPIRED: _tell_expired,
    }
)


def _wish(request: AccessRequest) -> str:
    return f"<@{request.user_id}> asks to hear raw recordings for *{wording.hours(request.hours)}*."


def _about(request: AccessRequest, text: str) -> list[dict[str, Any]]:
    # Callers' own words stay plain text, where nothing in them can call anybody or lead anywhere.
    return [
        _section(text),
        {"type": "section", "text": _plain(request.reason)},
        _context(f"Asked {wording.moment(request.requested_at)} · {_reference(request)}"),
    ]


def _reference(request: AccessRequest) -> str:
    conversation, delivery = map(wording.code, (request.conversation_id, request.delivery_id))
    return f"Recording of {conversation} · Reference {delivery}"


def _with_button(text: str, action: Action, label: str, request: AccessRequest) -> Message:
    button = {"type": "actions", "elements": [_button(action, label, request.delivery_id)]}
    return {"text": text, "blocks": [_section(text), button, _context(_reference(request))]}


def _button(action: Action, label: str, value: str, **style: str) -> dict[str, Any]:
    return {
        "type": "button",
        "action_id": action.value,
        "text": _plain(label),
        "value": value,
        **style,
    }


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _context(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text}]}
