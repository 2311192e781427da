"""Refuses redacted deliveries that may be raw: all while frozen, and recordings known to differ."""

from enum import StrEnum
from functools import cache
from typing import Final

from sqlalchemy import (
    BindParameter,
    Executable,
    Select,
    and_,
    bindparam,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import aliased

from bot.errors import CallAudioError
from bot.polyai.payloads import Direction
from bot.recordings.deliveries.delivery import Delivery
from bot.store.database import Database
from bot.store.tables import CanaryRow, RedactionCheckRow

FROZEN: Final = "frozen"


class Verdict(StrEnum):
    """The verdict on a redacted recording."""

    PROVEN = "proven"
    """It is the raw recording, sample by sample, with some moments muted."""
    NOTHING_MUTED = "nothing_muted"
    """It is the raw recording: there was nothing to mute, or nothing was muted."""
    DIFFERS = "differs"
    """Something can be heard that should be muted."""
    INCONCLUSIVE = "cannot_tell"


class DeliveriesFrozen(CallAudioError):
    """Deliveries are frozen: a redacted recording may be a raw one."""

    code = "deliveries_frozen"
    what = "Redacted recordings are not delivered at the moment."
    likely_cause = "The key for redacted recordings was found to return unredacted ones."
    fix = "Ask an admin of callaudio to check it; `callaudio doctor` shows the finding."


class RedactionDiffers(CallAudioError):
    """Something is audible in a redacted recording of the call that should be muted."""

    code = "redaction_differs"
    # It may be another side of the call that differs.
    what = (
        "The recording was not posted: something can be heard in a redacted recording of this call "
        "that should be muted."
    )
    likely_cause = "PolyAI's redaction missed something, or muted only a part of it."
    fix = (
        "Ask an admin of callaudio to check it with `/callaudio-admin check`, naming the side if "
        "you requested one. Request it again after a check has proved it."
    )


class RedactionSafety:
    """Reads from the store, which all processes share, which redacted deliveries are refused."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_frozen(self) -> bool:
        """Return whether deliveries are frozen now."""
        return bool(await self._database.rows(_frozen()))

    async def require(self, delivery: Delivery) -> None:
        """Refuse a redacted delivery while deliveries are frozen, or if its recording differs.

        After a check found that a recording of the call differs, each recording of the call does,
        until a check that began later proves it. A check of both sides proves one side too, unless
        that side was found to differ: PolyAI renders each of the three by itself.

        Raises:
            DeliveriesFrozen: deliveries are frozen.
            RedactionDiffers: a check found that it differs, and no later one has proved it.
        """
        recording = {
            "team": delivery.team_id,
            "agent": delivery.agent_name,
            "conversation": delivery.conversation_id,
            "side": delivery.direction.value,
        }
        found = {each.found for each in await self._database.rows(_refusing(), recording)}
        if FROZEN in found:
            raise DeliveriesFrozen
        if Verdict.DIFFERS in found:
            raise RedactionDiffers


def later_proofs(check: type[RedactionCheckRow], later: type[RedactionCheckRow]) -> Select[str]:
    """Build the query for checks that began after ``check`` had ended, and proved its call."""
    return select(later.id).where(
        later.conversation_id == check.conversation_id,
        later.agent_name == check.agent_name,
        later.team_id == check.team_id,
        later.verdict == Verdict.PROVEN.value,
        later.requested_at > check.ended_at,
    )


# Built once: building it costs SQLAlchemy as much as running it, in each redacted delivery.
@cache
def _frozen() -> Executable:
    return select(CanaryRow.conversation).where(CanaryRow.frozen_at.is_not(None)).limit(1)


@cache
def _refusing() -> Executable:
    check, later = RedactionCheckRow, aliased(RedactionCheckRow)
    side: BindParameter[str] = bindparam("side")
    of_both = and_(later.direction == Direction.COMBINED.value, check.direction != side)
    proof = later_proofs(check, later).where(or_(later.direction == side, of_both))
    differs = select(check.verdict).where(
        check.conversation_id == bindparam("conversation"),
        check.agent_name == bindparam("agent"),
        check.team_id == bindparam("team"),
        check.verdict == Verdict.DIFFERS.value,
        ~proof.exists(),
    )
    frozen = select(literal(FROZEN).label("found")).where(CanaryRow.frozen_at.is_not(None))
    return union_all(frozen, differs)
