"""The messages of a request for access: the question, and what came of it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from bot.access_requests.request import LIFETIME, AccessRequest, AccessState
from bot.slack import wording
from bot.slack.actions import Action
from bot.slack.blocks import Block, Message, actions, button, context, quotation, section

LIFETIME_HOURS: Final = round(LIFETIME.total_seconds() / 3600)


def question(request: AccessRequest, *, is_reminder: bool) -> Message:
    """The message in which admins decide."""
    text = f"Still waiting: {_requested(request)}" if is_reminder else _requested(request)
    buttons = [
        button(Action.APPROVE_ACCESS, "Approve", request.id, style="primary"),
        button(Action.DENY_ACCESS, "Deny", request.id, style="danger"),
    ]
    blocks = [*_about(request, text), actions(*buttons)]
    return {"text": f"{text} {wording.escape(request.reason)}", "blocks": blocks}


def outcome(request: AccessRequest) -> Message:
    """The same message once it is decided."""
    said = OUTCOMES[request.state](request)
    text = f"{_requested(request)} {said}"
    return {"text": text, "blocks": [*_about(request, _requested(request)), context(said)]}


def answer(request: AccessRequest) -> Message:
    """What the requester is told."""
    return ANSWERS[request.state](request)


def warning(request: AccessRequest, ends_at: datetime) -> Message:
    """What the requester is told shortly before the end."""
    text = f"You may hear raw recordings until {wording.moment(ends_at)}; then it ends."
    return _with_button(text, Action.REQUEST_ACCESS, "Ask again", request)


def _approved(request: AccessRequest) -> str:
    until = f", until {wording.moment(request.ends_at)}" if request.ends_at else ""
    return f"*Approved* by <@{request.decided_by}>{until}."


def _denied(request: AccessRequest) -> str:
    return f"*Denied* by <@{request.decided_by}>."


def _expired(_: AccessRequest) -> str:
    return f"*Expired*: nobody decided within {LIFETIME_HOURS} hours."


def _approved_text(request: AccessRequest) -> Message:
    until = f" until {wording.moment(request.ends_at)}" if request.ends_at else ""
    text = f"<@{request.decided_by}> approved your request: you may hear raw recordings{until}."
    return _with_button(text, Action.SEND_AGAIN, "Send it now", request)


def _denied_text(request: AccessRequest) -> Message:
    text = f"<@{request.decided_by}> denied your request to hear raw recordings."
    return {"text": text, "blocks": [section(text), context(_reference(request))]}


def _expired_text(request: AccessRequest) -> Message:
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
        AccessState.APPROVED: _approved_text,
        AccessState.DENIED: _denied_text,
        AccessState.EXPIRED: _expired_text,
    }
)


def _requested(request: AccessRequest) -> str:
    return f"<@{request.user_id}> asks to hear raw recordings for *{wording.hours(request.hours)}*."


def _about(request: AccessRequest, text: str) -> list[Block]:
    # Callers' own words stay plain text, where nothing in them can call anybody or lead anywhere.
    return [
        section(text),
        quotation(request.reason),
        context(f"Asked {wording.moment(request.requested_at)} · {_reference(request)}"),
    ]


def _reference(request: AccessRequest) -> str:
    conversation, delivery = map(wording.code, (request.conversation_id, request.delivery_id))
    return f"Recording of {conversation} · Reference {delivery}"


def _with_button(text: str, action: Action, label: str, request: AccessRequest) -> Message:
    row = actions(button(action, label, request.delivery_id))
    return {"text": text, "blocks": [section(text), row, context(_reference(request))]}
