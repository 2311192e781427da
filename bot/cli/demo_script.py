"""The demo's script: people, channels, calls, a grant, and the acts with their required results."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from bot.access.grants import Effect, NewGrant, Right, Subject, SubjectKind, add_grant
from bot.access.policy import Outcome, Reason
from bot.cli.stage import AGENT_ID, Stage
from bot.polyai.payloads import Direction
from bot.sandbox.page.scene import Names
from bot.sandbox.polyai_calls import Recording
from bot.wiring.clock import utc_now

CALL: Final = "CA0123456789abcdef0123456789abcdef"

CLEARED: Final = "U0CLEARED0"
NOT_CLEARED: Final = "U0NEWCOMER"
GUEST: Final = "U0GUEST000"
ADMIN: Final = "U0ADMIN000"

QUALITY: Final = "C0QUALITY0"
SUPPORT: Final = "C0SUPPORT0"
GENERAL: Final = "C0GENERAL0"
PARTNER: Final = "C0PARTNER0"
SUPPLIER: Final = "C0SUPPLIER"

NAMES: Final = {
    CLEARED: "cleared analyst",
    NOT_CLEARED: "newcomer",
    GUEST: "guest",
    QUALITY: "#quality",
    SUPPORT: "#support",
    GENERAL: "#general",
    PARTNER: "#partner",
    SUPPLIER: "#supplier",
}

PARTNER_PERSON: Final = "U0PARTNER0"
PAGE_NAMES: Final = Names(
    people={
        CLEARED: "Analyst",
        NOT_CLEARED: "Agent",
        ADMIN: "Admin",
        GUEST: "Guest",
        PARTNER_PERSON: "Partner",
    },
    channels={
        QUALITY: ("quality", "private"),
        SUPPORT: ("support", "private"),
        GENERAL: ("general", "public"),
        PARTNER: ("partner", "shared with a partner"),
        SUPPLIER: ("supplier", "shared, on the allow-list"),
    },
    hint=CALL,
    agent_id=AGENT_ID,
    cleared=CLEARED,
    uncleared=NOT_CLEARED,
    admin=ADMIN,
)
"""The names on the page, in the order of its menus."""

TODAY: Final = (
    (20, 95, True),
    (75, 140, False),
    (160, 8, False),
    (340, 205, True),
    (900, 60, False),
)
"""Calls of the last 24 hours: how many minutes ago, how long, and whether passed on to a person."""

ENVIRONMENT: Final = {"CALLAUDIO_EXTERNAL_CHANNELS": SUPPLIER, "CALLAUDIO_ADMINS": ADMIN}

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
    teaches: str
    direction: Direction = Direction.COMBINED


ACTS: Final = (
    Act(CLEARED, QUALITY, CALL, Outcome.RAW, Reason.CLEARED, "everyone here is cleared"),
    Act(
        *(CLEARED, QUALITY, f"{LINK} user", Outcome.RAW, Reason.CLEARED),
        "a Studio link; the caller alone",
        Direction.USER,
    ),
    Act(CLEARED, QUALITY, f"{CALL} redacted", Outcome.REDACTED, Reason.ASKED, "as asked"),
    Act(
        *(NOT_CLEARED, SUPPORT, CALL, Outcome.REDACTED, Reason.NOT_CLEARED),
        "the person asking is not cleared",
    ),
    Act(
        *(CLEARED, SUPPORT, CALL, Outcome.REDACTED, Reason.AUDIENCE),
        "cleared, but somebody listening is not",
    ),
    Act(CLEARED, SUPPORT, "", Outcome.RAW, Reason.CLEARED, "the same, sent to their own messages"),
    Act(
        *(CLEARED, GENERAL, CALL, Outcome.REDACTED, Reason.AUDIENCE),
        "public: everybody in the workspace can open it",
    ),
    Act(
        *(CLEARED, PARTNER, CALL, Outcome.REFUSED, Reason.EXTERNAL_DESTINATION),
        "shared with another organisation",
    ),
    Act(
        *(CLEARED, SUPPLIER, CALL, Outcome.REDACTED, Reason.EXTERNAL_DESTINATION),
        "shared too, but on the allow-list",
    ),
    Act(
        *(GUEST, SUPPORT, CALL, Outcome.REFUSED, Reason.REQUESTER_NOT_ALLOWED),
        "a guest without a grant",
    ),
    Act(
        *(CLEARED, QUALITY, NO_CALL, None, "conversation_not_found"),
        "no such call: words, no half-done message",
    ),
)


def about(act: Act, conversation_id: str) -> Act:
    """Return the act with another call, because a repeated request would join the first."""
    does = act.does.replace(NO_CALL, f"{conversation_id}0").replace(CALL, conversation_id)
    return replace(act, does=does)


def call_of_today(number: int) -> str:
    """Name one of them, counted from 1."""
    return f"CA{number:032x}"


def _add_calls_of_today(stage: Stage) -> None:
    """Add calls that people can find and that a digest reports."""
    now = utc_now()
    for number, (minutes_ago, seconds, was_passed_on) in enumerate(TODAY, 1):
        began = now - timedelta(minutes=minutes_ago)
        stage.polyai.add_call(
            call_of_today(number),
            agent_id=AGENT_ID,
            recording=Recording.speech(),
            started_at=began,
            finished_at=began + timedelta(seconds=seconds),
            handoff=was_passed_on,
            row={"handoffReason": "asked for a person" if was_passed_on else None},
        )


async def set_up(stage: Stage) -> None:
    """Set up the people, the channels, the call and the one grant."""
    workspace = stage.workspace
    for user_id in (CLEARED, NOT_CLEARED, ADMIN):
        workspace.add_user(user_id)
    workspace.add_user(GUEST, is_restricted=True)
    workspace.add_user(PARTNER_PERSON, team_id="T0PARTNER0", is_stranger=True)
    workspace.add_channel(QUALITY, members=[CLEARED], is_private=True)
    workspace.add_channel(SUPPORT, members=[CLEARED, NOT_CLEARED, GUEST], is_private=True)
    workspace.add_channel(GENERAL, members=[CLEARED, NOT_CLEARED, ADMIN])
    workspace.add_channel(PARTNER, members=[CLEARED, PARTNER_PERSON], is_ext_shared=True)
    workspace.add_channel(SUPPLIER, members=[CLEARED], is_ext_shared=True)
    stage.polyai.add_call(CALL, agent_id=AGENT_ID, recording=Recording.speech())
    _add_calls_of_today(stage)
    grant = NewGrant(
        subject=Subject(workspace.team_id, SubjectKind.USER, CLEARED),
        right=Right.PII,
        effect=Effect.GRANT,
        given_by=ADMIN,
        reason="listens for call quality",
        now=utc_now(),
    )
    async with stage.application.database.write() as session:
        await add_grant(session, grant)
