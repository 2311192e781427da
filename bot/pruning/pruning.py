"""Removes deliveries that ended long ago, and what depends on them, a batch at a time.

Their audit events stay. The event of a batch names each removed delivery, so that `audit verify`
finds a delivery that is missing without such an event.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.access_requests.request import AccessState
from bot.audit.events import SYSTEM_ACTOR, AuditEvent, AuditTag
from bot.audit.log import record
from bot.errors import UsageError
from bot.observability.logs import get_logger
from bot.pruning.prunable import prunable
from bot.recordings.deliveries.redaction_safety import Verdict, later_proofs
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.tables import (
    AccessRequestRow,
    AuditHeadRow,
    DeliveryRow,
    DueWorkRow,
    RedactionCheckRow,
)

log = get_logger(__name__)

PRUNE_EVERY: Final = timedelta(hours=1)
A_BATCH: Final = 200
"""Rows of one table in a transaction: few, so that storing a request waits only milliseconds."""

Prunable = DeliveryRow | RedactionCheckRow | AccessRequestRow


class Pruning:
    """Prunes workspace by workspace, one transaction a batch, so a killed worker loses nothing."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Callable[[], datetime],
        keep: timedelta | None,
        counted_since: Callable[[str], Awaitable[datetime]],
    ) -> None:
        """Keep deliveries for ``keep`` (None: permanently), and those since ``counted_since``.

        ``counted_since`` returns the time from which a digest of a workspace may still count them,
        or raises UsageError if that cannot be told.
        """
        self._database = database
        self._clock = clock
        self._keep = keep
        self._counted_since = counted_since

    async def run(self) -> datetime | None:
        """Prune a batch of each workspace; returns when to prune again, None if never.

        A workspace is skipped if the timetable of one of its digests cannot be read, for example
        because this machine does not know its time zone: what it still counts is unknown.
        """
        if self._keep is None:
            return None
        async with self._database.read() as session:
            team_ids = (await session.scalars(select(AuditHeadRow.team_id))).all()
        has_more = False
        for team_id in sorted(team_ids):
            try:
                before = min(self._clock() - self._keep, await self._counted_since(team_id))
            except UsageError as error:
                log.warning("pruning_skipped", team_id=team_id, code=error.code)
                continue
            has_more |= await self.prune(team_id, before) >= A_BATCH
        return self._clock() if has_more else self._clock() + PRUNE_EVERY

    async def prune(self, team_id: str, before: datetime) -> int:
        """Remove a batch of rows that ended before a time; returns the most rows of one table."""
        async with self._database.write() as session:
            deliveries = await _remove(
                session, DeliveryRow, prunable(team_id, before, most=A_BATCH)
            )
            checks = await _remove(session, RedactionCheckRow, _ended_checks(team_id, before))
            requests = await _remove(session, AccessRequestRow, _closed_requests(team_id, before))
            longest = max(map(len, (deliveries, checks, requests)))
            if longest:
                event = AuditEvent(
                    tag=AuditTag.DELIVERIES_PRUNED,
                    team_id=team_id,
                    actor_id=SYSTEM_ACTOR,
                    occurred_at=self._clock(),
                    payload={
                        "deliveries": tuple(deliveries),
                        "checks": len(checks),
                        "access_requests": len(requests),
                        "ended_before": before.isoformat(),
                    },
                )
                await record(session, event)
        if longest:
            log.info("deliveries_pruned", deliveries=len(deliveries))
        return longest


async def _remove(session: AsyncSession, row: type[Prunable], which: Select[Any]) -> list[str]:
    """Lock and delete the rows; returns their ids in order."""
    ids = sorted(await session.scalars(which))
    if ids:
        await session.execute(delete(row).where(row.id.in_(ids)))
    return ids


def _ended_checks(team_id: str, before: datetime) -> Select[Any]:
    """Build the query for old checks, without those for which a recording is still refused."""
    row, later = RedactionCheckRow, aliased(RedactionCheckRow)
    proof = later_proofs(row, later).where(later.direction == row.direction)
    is_settled = or_(
        row.verdict.is_distinct_from(Verdict.DIFFERS.value), proof.correlate(row).exists()
    )
    ended = select(row.id).where(row.team_id == team_id, row.ended_at < before, is_settled)
    return ended.order_by(row.ended_at).limit(A_BATCH).with_for_update(of=row, skip_locked=True)


def _closed_requests(team_id: str, before: datetime) -> Select[Any]:
    """Build the query for decided access requests without due work, such as a warning."""
    row, due = AccessRequestRow, DueWorkRow
    work = select(due.key).where(due.kind == DueWorkKind.HANDLE_ACCESS_REQUEST, due.key == row.id)
    closed = select(row.id).where(
        row.team_id == team_id,
        row.state != AccessState.PENDING.value,
        row.decided_at < before,
        ~work.correlate(row).exists(),
    )
    return closed.limit(A_BATCH).with_for_update(of=row, skip_locked=True)
