"""Which deliveries may be pruned: the conditions on their rows."""

from datetime import datetime
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
            *(not_(reason) for reason in reasons_to_keep(before).values()),
        )
        .order_by(row.ended_at)
        .limit(most)
        .with_for_update(of=row, skip_locked=True)
    )


def reasons_to_keep(before: datetime) -> dict[str, ColumnElement[bool]]:
    """Build a condition for each reason to keep a delivery that ended or changed long ago.

    A delivery may be removed if none of them holds. If a condition is NULL, the delivery stays.
    """
    row, due = DeliveryRow, DueWorkRow
    since = [
        and_(each.is_not(None), each >= before)
        for each in (row.ended_at, row.notified_at, row.taken_back_at)
    ]
    work = select(due.key).where(due.kind.in_(OF_DELIVERIES), due.key == row.id)
    follower = aliased(DeliveryRow)
    followed = select(follower.replaces_id).where(
        follower.id.in_(under_way()), follower.replaces_id.is_not(None)
    )
    waiting = select(AccessRequestRow.delivery_id).where(
        AccessRequestRow.state == AccessState.PENDING.value
    )
    return {
        "it is under way": or_(
            row.state.not_in([each.value for each in ENDED]), row.ended_at.is_(None)
        ),
        "it is recent": or_(*since),
        # It is visible and raw, or its deletion was requested; the checks read the row.
        "its file is watched": and_(*deletable()),
        # It does not show yet that the file was taken back.
        "its card is behind": and_(row.taken_back_at.is_not(None), row.recheck_at.is_not(None)),
        # Such as notifying its requester.
        "it has due work": work.correlate(row).exists(),
        # A file of a dropped upload still has to be deleted.
        "a file is orphaned": row.id.in_(select(OrphanedFileRow.delivery_id)),
        # The redacted recording that follows its take-back is under way.
        "its replacement is under way": row.id.in_(followed),
        # The notification of the decision has a button for it.
        "its request for access is pending": row.id.in_(waiting),
    }
