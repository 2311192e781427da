"""The form in which somebody asks for access, and what it turns into."""

from typing import Any

from bot.access.asking_for_access import LONGEST_REASON, Offer
from bot.access.requests import AccessRequest
from bot.slack import wording
from bot.slack.actions import Input, ModalCallback

View = dict[str, Any]


def form(offer: Offer) -> View:
    """The modal in which somebody asks; it carries nothing but the delivery's id."""
    options = [_option(hours) for hours in offer.hours]
    conversation = wording.code(offer.conversation_id)
    about = f"An admin decides whether you may hear raw recordings, {conversation} among them."
    return {
        "type": "modal",
        "callback_id": ModalCallback.REQUEST_ACCESS.value,
        "private_metadata": offer.delivery_id,
        "title": _plain("Request access"),
        "submit": _plain("Send"),
        "close": _plain("Cancel"),
        "blocks": [
            _section(about),
            {
                "type": "input",
                "block_id": Input.REASON.value,
                "label": _plain("What do you need them for?"),
                "element": {
                    "type": "plain_text_input",
                    "action_id": Input.REASON.value,
                    "multiline": True,
                    "min_length": 1,
                    "max_length": LONGEST_REASON,
                },
            },
            {
                "type": "input",
                "block_id": Input.HOURS.value,
                "label": _plain("For how long, from the approval on?"),
                "element": {
                    "type": "static_select",
                    "action_id": Input.HOURS.value,
                    "options": options,
                    "initial_option": options[0],
                },
            },
        ],
    }


def notice(text: str) -> View:
    """A modal that only says something."""
    return {
        "type": "modal",
        "title": _plain("callaudio"),
        "close": _plain("Close"),
        "blocks": [_section(text)],
    }


def joined(request: AccessRequest) -> View:
    """What the form turns into when an earlier request is still pending."""
    return notice(
        f"Your request of {wording.moment(request.requested_at)} is still waiting for an admin, "
        "so I did not send another. I tell you in direct messages when somebody has decided."
    )


def _option(hours: int) -> dict[str, Any]:
    return {"text": _plain(wording.hours(hours)), "value": str(hours)}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}
