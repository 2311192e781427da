"""The messages of a request for access: the question to admins, and the outcome."""

from datetime import datetime
from typing import Final

from bot.access_requests.request import LIFETIME, AccessRequest, AccessState
from bot.slack import wording
from bot.slack.blocks import Block, Message, actions, button, context, quotation, section
from bot.slack.identifiers import Action

LIFETIME_HOURS: Final = round(LIFETIME.total_seconds() / 3600)


def question(request: AccessRequest, *, is_reminder: bool) -> Message:
    """The message with which admins decide."""
    text = f"Still waiting: {_requested(request)}" if is_reminder else _requested(request)
    buttons = [
        button(Action.APPROVE_ACCESS, "Approve", request.id, style="primary"),
        button(Action.DENY_ACCESS, "Deny", request.id, style="danger"),
    ]
    blocks = [*_about(request, text), actions(*buttons)]
    return {"text": f"{text} {wording.escape(request.reason)}", "blocks": blocks}


def outcome(request: AccessRequest) -> Message:
    """The same message after the decision."""
    outcome = _outcome(request)
    text = f"{_requested(request)} {outcome}"
    return {"text": text, "blocks": [*_about(request, _requested(request)), context(outcome)]}


def answer(request: AccessRequest) -> Message:
    """The message to the requester about the outcome."""
    if request.state is AccessState.APPROVED:
        text = (
            f"<@{request.decided_by}> approved your request: you may hear unredacted recordings"
            f"{_until(request)}."
        )
        return _with_button(text, Action.SEND_AGAIN, "Send it now", request)
    if request.state is AccessState.DENIED:
        text = f"<@{request.decided_by}> denied your request to hear unredacted recordings."
        return {"text": text, "blocks": [section(text), context(_reference(request))]}
    text = (
        f"No admin decided within {LIFETIME_HOURS} hours on your request to hear unredacted "
        "recordings, so it has expired."
    )
    return _with_button(text, Action.REQUEST_ACCESS, "Ask again", request)


def warning(request: AccessRequest, ends_at: datetime) -> Message:
    """The message to the requester shortly before the grant ends."""
    text = f"Your access to unredacted recordings ends {wording.moment(ends_at)}."
    return _with_button(text, Action.REQUEST_ACCESS, "Ask again", request)


def _outcome(request: AccessRequest) -> str:
    if request.state is AccessState.APPROVED:
        return f"*Approved* by <@{request.decided_by}>,{_until(request)}."
    if request.state is AccessState.DENIED:
        return f"*Denied* by <@{request.decided_by}>."
    return f"*Expired*: no admin decided within {LIFETIME_HOURS} hours."


def _until(request: AccessRequest) -> str:
    return f" until {wording.moment(request.ends_at)}" if request.ends_at else ""


def _requested(request: AccessRequest) -> str:
    hours = wording.hours(request.hours)
    return f"<@{request.user_id}> asks to hear unredacted recordings for *{hours}*."


def _about(request: AccessRequest, text: str) -> list[Block]:
    # The requester's words stay plain text, so that they contain no mention and no link.
    return [
        section(text),
        quotation(request.reason),
        context(f"Requested {wording.moment(request.requested_at)} · {_reference(request)}"),
    ]


def _reference(request: AccessRequest) -> str:
    conversation, delivery = map(wording.code, (request.conversation_id, request.delivery_id))
    return f"Recording of {conversation} · Reference {delivery}"


def _with_button(text: str, action: Action, label: str, request: AccessRequest) -> Message:
    row = actions(button(action, label, request.delivery_id))
    return {"text": text, "blocks": [section(text), row, context(_reference(request))]}
