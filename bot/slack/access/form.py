"""The form to request access, and the notice that replaces it."""

from bot.access_requests.store import StoredAccessRequest
from bot.access_requests.submit import LONGEST_REASON, Offer
from bot.slack import wording
from bot.slack.blocks import View, field, modal, notice, option, plain, section
from bot.slack.identifiers import Input, ModalCallback


def form(offer: Offer) -> View:
    """The modal to request access; it carries only the delivery's id."""
    options = [option(wording.hours(hours), str(hours)) for hours in offer.hours]
    conversation = wording.code(offer.conversation_id)
    about = (
        f"An admin decides whether you may hear unredacted recordings, including {conversation}."
    )
    return modal(
        "Request access",
        [
            section(about),
            field(
                Input.REASON,
                "Why do you need access?",
                {
                    "type": "plain_text_input",
                    "multiline": True,
                    "min_length": 1,
                    "max_length": LONGEST_REASON,
                },
                hint=plain("Kept as you type it. Write no names or numbers of callers."),
            ),
            field(
                Input.HOURS,
                "For how long, starting with the approval?",
                {"type": "static_select", "options": options, "initial_option": options[0]},
            ),
        ],
        close="Cancel",
        submit=plain("Send"),
        callback_id=ModalCallback.REQUEST_ACCESS.value,
        private_metadata=offer.delivery_id,
    )


def answer(stored: StoredAccessRequest) -> View:
    """The notice in place of the form once it is sent."""
    request = stored.request
    if stored.is_new:
        return notice(
            "Your request is on its way to the admins. I will send you a direct message when one "
            "has decided."
        )
    if not request.is_pending:
        return notice(
            f"Your request of {wording.moment(request.requested_at)} has ended: an admin decided, "
            "or it expired. I did not send another. Open the form again to send one."
        )
    return notice(
        f"Your request of {wording.moment(request.requested_at)} is still waiting for an admin, so "
        "I did not send another. I will send you a direct message when an admin has decided."
    )
