"""Which deliveries may be pruned: the conditions on their rows."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, Select, and_, not_, or_, select
from sqlalchemy.orm import aliased

from bot.access_requests.request import AccessState
from bot.recordings.deliveries.deletable_files import deletable
from bot.recordings.deliveries.delivery import ENDED
from bot.recordings.deliveries.delivery_store import under_way
from bot.store.due_work_kinds import DueWorkKind
from bot.store.tables import AccessRequestRow, DeliveryRow, DueWorkRow, OrphanedFileRow

OF_DELIVERIES: Final = (DueWorkKind.DELIVER, DueWorkKind.CHECK_SHARES, DueWorkKind.TAKE_BACK)
"""The kinds of due work whose key is the id of a delivery."""


class ReasonToKeep(StrEnum):
    """Why a delivery stays."""

    UNDER_WAY = "under_way"
    RECENT = "recent"
    FILE_WATCHED = "file_watched"
    """Its file is visible and raw, or its deletion was requested; the checks read the row."""
    CARD_BEHIND = "card_behind"
    """Its card does not show yet that the file was taken back."""
    WORK_DUE = "work_due"
    """It has due work, such as notifying its requester."""
    FILE_ORPHANED = "file_orphaned"
    """A file of a dropped upload still has to be deleted."""
    FOLLOWED = "followed"
    """The redacted recording that follows its take-back is under way."""
    ACCESS_ASKED = "access_asked"
    """Its request for access is pending; the notification of the decision has a button for it."""


def reasons_to_keep(before: datetime) -> Mapping[ReasonToKeep, ColumnElement[bool]]:
    """Build a condition for each reason to keep a delivery that ended or changed long ago.

    A delivery may be removed if none of them holds. If a condition is NULL, the delivery stays.
    """
    row, due = DeliveryRow, DueWorkRow
    since = [
        and_(each.is_not(None), each >= before)
        for each in (row.ended_at, row.notified_at, row.taken_back_at)
    ]
    work = select(due.key).where(due.kind.in_(OF_DELIVERIES), due.key == row.id)
    return {
        ReasonToKeep.UNDER_WAY: or_(
            row.state.not_in([each.value for each in ENDED]), row.ended_at.is_(None)
        ),
        ReasonToKeep.RECENT: or_(*since),
        ReasonToKeep.FILE_WATCHED: and_(*deletable()),
        ReasonToKeep.CARD_BEHIND: and_(row.taken_back_at.is_not(None), row.recheck_at.is_not(None)),
        ReasonToKeep.WORK_DUE: work.correlate(row).exists(),
        ReasonToKeep.FILE_ORPHANED: row.id.in_(select(OrphanedFileRow.delivery_id)),
        ReasonToKeep.FOLLOWED: row.id.in_(_followed()),
        ReasonToKeep.ACCESS_ASKED: row.id.in_(
            select(AccessRequestRow.delivery_id).where(
                AccessRequestRow.state == AccessState.PENDING.value
            )
        ),
    }


def prunable(team_id: str, before: datetime, most: int) -> Select[str]:
    """Build the query for the deliveries of a workspace that may be removed, the oldest first.

    Locked rows are skipped, and removed in a later batch.
    """
    row = DeliveryRow
    return (
        select(row.id)
        .where(
            row.team_id == team_id,
            row.ended_at < before,
            *(not_(condition) for condition in reasons_to_keep(before).values()),
        )
        .order_by(row.ended_at)
        .limit(most)
        .with_for_update(of=row, skip_locked=True)
    )


def _followed() -> Select[str | None]:
    follower = aliased(DeliveryRow)
    return select(follower.replaces_id).where(
        follower.id.in_(under_way()), follower.replaces_id.is_not(None)
    )
