"""Which requests for access something is to be done about now."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, not_, or_, select, update

from bot.access.grants import Effect, Right, SubjectKind
from bot.access.requests import LIFETIME, AccessRequest, AccessState, request_of
from bot.store.database import Database
from bot.store.tables import AccessRequestRow, GrantRow

REMIND_AFTER: Final = timedelta(hours=4)
WARN_BEFORE: Final = timedelta(hours=1)
LEAST_WARNED_HOURS: Final = 2
"""A shorter grant would be warned of as it begins."""


class DueRequests:
    """Hands requests out to one worker at a time; what each needs, its row tells."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def claim(self, limit: int, again_after: timedelta) -> list[AccessRequest]:
        """Take those that are due; what fails is due again after a while."""
        now = self._clock()
        due = select(AccessRequestRow.id).where(AccessRequestRow.look_at <= now, _due(now))
        first = due.order_by(AccessRequestRow.look_at).limit(limit)
        statement = (
            update(AccessRequestRow)
            .where(AccessRequestRow.id.in_(first.with_for_update(skip_locked=True)))
            .values(look_at=now + again_after)
        )
        async with self._database.write() as session:
            rows = await session.scalars(statement.returning(AccessRequestRow))
            return [request_of(row) for row in rows]

    async def release(self, request: AccessRequest, *, is_finished: bool) -> None:
        """Give a request back; a finished one is never looked at again.

        Not while its outcome is still to be shown: a message may have been posted meanwhile.
        """
        row = AccessRequestRow
        statement = update(row).where(row.id == request.id)
        if is_finished:
            said = (row.shown_at.is_not(None), row.told_at.is_not(None))
            statement = statement.where(*said).values(look_at=None)
        else:
            statement = statement.values(look_at=self._clock())
        async with self._database.write() as session:
            await session.execute(statement)

    async def ending(self, request: AccessRequest) -> datetime | None:
        """Tell when the request's grant ends; None if it is over already, or another outlasts it.

        A group's grants are not asked: Slack may change a group at any time.
        """
        now = self._clock()
        async with self._database.read() as session:
            grant = await session.get(GrantRow, request.grant_id)
            if grant is None or grant.revoked_at or not grant.expires_at:
                return None
            longer = select(GrantRow.id).where(
                GrantRow.team_id == request.team_id,
                GrantRow.right == Right.PII.value,
                GrantRow.subject_kind == SubjectKind.USER.value,
                GrantRow.subject_id == request.user_id,
                GrantRow.effect == Effect.GRANT.value,
                GrantRow.revoked_at.is_(None),
                GrantRow.starts_at <= now,
                or_(GrantRow.expires_at.is_(None), GrantRow.expires_at > grant.expires_at),
            )
            if grant.expires_at <= now or await session.scalar(longer.limit(1)):
                return None
            return grant.expires_at


def _due(now: datetime) -> ColumnElement[bool]:
    row = AccessRequestRow
    is_pending = row.state == AccessState.PENDING.value
    ending = select(GrantRow.id).where(
        or_(GrantRow.revoked_at.is_not(None), GrantRow.expires_at <= now + WARN_BEFORE)
    )
    return or_(
        and_(
            is_pending,
            or_(
                row.announced_at.is_(None),
                and_(row.reminded_at.is_(None), row.requested_at <= now - REMIND_AFTER),
                row.requested_at <= now - LIFETIME,
            ),
        ),
        and_(
            not_(is_pending),
            or_(row.shown_at.is_(None), row.told_at.is_(None), row.grant_id.in_(ending)),
        ),
    )
