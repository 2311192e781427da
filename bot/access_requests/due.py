"""When a request for access is due again, and when its grant ends."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import or_, select

from bot.access.grants import Effect, Right, SubjectKind
from bot.access.rights import Rights
from bot.access_requests.request import AccessRequest
from bot.store.database import Database
from bot.store.tables import GrantRow

REMIND_AFTER: Final = timedelta(hours=4)
WARN_BEFORE: Final = timedelta(hours=1)
LEAST_WARNED_HOURS: Final = 2
"""For a shorter grant the warning would come right after the approval."""


def next_while_pending(request: AccessRequest) -> datetime:
    """Return when a pending request is due again: for its reminder, or its expiry."""
    if request.reminded_at:
        return request.expires_at
    return min(request.requested_at + REMIND_AFTER, request.expires_at)


class GrantEnds:
    """Reads when the grant of a request ends."""

    def __init__(
        self, *, database: Database, rights: Rights, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._rights = rights
        self._clock = clock

    async def read(self, request: AccessRequest) -> datetime | None:
        """Return when the request's grant ends.

        None if it has ended, a later grant is in force, or a deny beats it.
        Grants to groups do not count, because Slack can change a group at any time.
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
            ends_at = grant.expires_at
            if ends_at <= now or await session.scalar(longer.limit(1)):
                return None
        is_denied = await self._rights.is_denied(request.team_id, Right.PII, request.user_id)
        return None if is_denied else ends_at
