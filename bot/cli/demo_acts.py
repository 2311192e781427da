"""The acts of the demo, each with the result that the rules require."""

from dataclasses import dataclass, replace
from typing import Final

from bot.access.policy import Outcome, Reason
from bot.cli.demo_script import (
    CALL,
    CLEARED,
    GENERAL,
    GUEST,
    NOT_CLEARED,
    PARTNER,
    QUALITY,
    SUPPLIER,
    SUPPORT,
)
from bot.cli.stage import AGENT_ID
from bot.polyai.payloads import Direction

NO_CALL: Final = "CA-no-such-call"
LINK: Final = f"<https://studio.us.poly.ai/acme/{AGENT_ID}/conversations/{CALL}|the call>"


@dataclass(frozen=True, slots=True)
class Act:
    """One action of one person, and its required result."""

    user_id: str
    channel_id: str
    does: str
    """The words after `/callaudio`, or "" for pressing the button of the act before."""
    outcome: Outcome | None
    """None: no recording may be delivered."""
    reason: Reason | str
    direction: Direction = Direction.COMBINED
    teaches: str = ""


ACTS: Final = (
    Act(CLEARED, QUALITY, CALL, Outcome.RAW, Reason.CLEARED, teaches="everyone here is cleared"),
    Act(
        CLEARED,
        QUALITY,
        f"{LINK} user",
        Outcome.RAW,
        Reason.CLEARED,
        Direction.USER,
        teaches="a Studio link; the caller alone",
    ),
    Act(CLEARED, QUALITY, f"{CALL} redacted", Outcome.REDACTED, Reason.ASKED, teaches="as asked"),
    Act(
        NOT_CLEARED,
        SUPPORT,
        CALL,
        Outcome.REDACTED,
        Reason.NOT_CLEARED,
        teaches="the person asking is not cleared",
    ),
    Act(
        CLEARED,
        SUPPORT,
        CALL,
        Outcome.REDACTED,
        Reason.AUDIENCE,
        teaches="cleared, but somebody listening is not",
    ),
    Act(
        CLEARED,
        SUPPORT,
        "",
        Outcome.RAW,
        Reason.CLEARED,
        teaches="the same, sent to their own messages",
    ),
    Act(
        CLEARED,
        GENERAL,
        CALL,
        Outcome.REDACTED,
        Reason.AUDIENCE,
        teaches="public: everybody in the workspace can open it",
    ),
    Act(
        CLEARED,
        PARTNER,
        CALL,
        Outcome.REFUSED,
        Reason.EXTERNAL_DESTINATION,
        teaches="shared with another organisation",
    ),
    Act(
        CLEARED,
        SUPPLIER,
        CALL,
        Outcome.REDACTED,
        Reason.EXTERNAL_DESTINATION,
        teaches="shared too, but on the allow-list",
    ),
    Act(
        GUEST,
        SUPPORT,
        CALL,
        Outcome.REFUSED,
        Reason.REQUESTER_NOT_ALLOWED,
        teaches="a guest without a grant",
    ),
    Act(
        CLEARED,
        QUALITY,
        NO_CALL,
        None,
        "conversation_not_found",
        teaches="no such call: words, no half-done message",
    ),
)


def about(act: Act, conversation_id: str) -> Act:
    """Return the act with another call, because a repeated request would join the first."""
    does = act.does.replace(NO_CALL, f"{conversation_id}0").replace(CALL, conversation_id)
    return replace(act, does=does)
