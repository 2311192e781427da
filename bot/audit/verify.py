"""Proves the chain: finds what was altered, removed, inserted or reordered, and names it."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.chain import FIRST_PREVIOUS, Link
from bot.audit.events import AuditTag
from bot.store.tables import AuditCheckpointRow, AuditEventRow, AuditHeadRow

BATCH: Final = 2000


class Fault(StrEnum):
    """What is wrong at a link."""

    ALTERED = "altered"
    REMOVED = "removed"
    UNLINKED = "unlinked"
    TAIL_REMOVED = "tail_removed"
    ANCHOR_BROKEN = "anchor_broken"
    UNSEALED = "unsealed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, at the place where the chain shows it."""

    team_id: str
    seq: int
    fault: Fault
    says: str


@dataclass(frozen=True, slots=True)
class Head:
    """The newest link of a workspace: written down elsewhere, it anchors everything before it."""

    team_id: str
    seq: int
    hash: str


async def heads(session: AsyncSession) -> list[Head]:
    """List every workspace's newest link as the head row tells it."""
    rows = await session.scalars(select(AuditHeadRow).order_by(AuditHeadRow.team_id))
    return [Head(row.team_id, row.seq, row.hash) for row in rows]


async def count_events(session: AsyncSession) -> int:
    """Count the events there are, for a progress bar."""
    return await session.scalar(select(func.count()).select_from(AuditEventRow)) or 0


async def verify(
    session: AsyncSession,
    *,
    anchors: tuple[Head, ...] = (),
    on_progress: Callable[[int], None] = lambda _: None,
) -> AsyncIterator[Finding]:
    """Walk every chain from its newest checkpoint, in bounded memory; give what is wrong.

    Every row's hash is computed anew from what the row says. A row whose content changed is
    *altered*; a gap in the numbers is *removed*; a row that does not continue the one before it was
    inserted or reordered: *unlinked*; a chain shorter than its head has lost its *tail*.
    """
    by_team: dict[str, dict[int, str]] = {}
    for anchor in anchors:
        by_team.setdefault(anchor.team_id, {})[anchor.seq] = anchor.hash
    told = {head.team_id: head for head in await heads(session)}
    teams = set(told) | set(by_team)
    teams |= set(await session.scalars(select(AuditEventRow.team_id).distinct()))
    for team_id in sorted(teams):
        async for finding in _verify_team(
            session, team_id, told.get(team_id), by_team.get(team_id, {}), on_progress
        ):
            yield finding


async def _verify_team(
    session: AsyncSession,
    team_id: str,
    head: Head | None,
    anchors: dict[int, str],
    on_progress: Callable[[int], None],
) -> AsyncIterator[Finding]:
    walk = _Walk(await _start(session, team_id), anchors)
    async for rows in _batches(session, team_id, walk.start.seq):
        for row in rows:
            for finding in walk.step(row):
                yield finding
        on_progress(len(rows))
    for finding in walk.end(head):
        yield finding


class _Walk:
    """One chain, event after event."""

    def __init__(self, start: Head, anchors: dict[int, str]) -> None:
        self.start = self._last = start
        self._sealed = start.seq == 0
        self._unmet = {seq: digest for seq, digest in anchors.items() if seq >= start.seq}
        self._meet(start)

    def step(self, row: Row[Any]) -> Iterator[Finding]:
        """Hold one event against the one before it, and against its own hash."""
        last = self._last
        if row.seq != last.seq + 1:
            says = f"events {last.seq + 1} to {row.seq - 1} are gone"
            yield Finding(row.team_id, last.seq + 1, Fault.REMOVED, says)
        elif row.previous_hash != last.hash:
            says = f"event {row.seq} does not follow event {last.seq}: inserted or reordered"
            yield Finding(row.team_id, row.seq, Fault.UNLINKED, says)
        if _link(row).hash() != row.hash:
            says = f"event {row.seq} ({row.tag}) does not say what it said when it was written"
            yield Finding(row.team_id, row.seq, Fault.ALTERED, says)
        if row.tag == AuditTag.AUDIT_SEALED:
            told = (row.payload.get("sealed_seq"), row.payload.get("sealed_hash"))
            self._sealed = self._sealed or told == (self.start.seq, self.start.hash)
        self._last = Head(row.team_id, row.seq, row.hash)
        self._meet(self._last)

    def end(self, head: Head | None) -> Iterator[Finding]:
        """Hold the end against the head row, the checkpoint and the anchors."""
        team_id, last = self.start.team_id, self._last
        if head is None or (head.seq, head.hash) != (last.seq, last.hash):
            says = f"the chain ends at {last.seq}, its head says {head.seq if head else 'nothing'}"
            yield Finding(team_id, last.seq, Fault.TAIL_REMOVED, says)
        if not self._sealed:
            says = f"no event tells of the checkpoint at {self.start.seq}: the bot did not write it"
            yield Finding(team_id, self.start.seq, Fault.UNSEALED, says)
        for seq in self._unmet:
            says = f"event {seq} is not the one that was anchored: the chain was written anew"
            yield Finding(team_id, seq, Fault.ANCHOR_BROKEN, says)

    def _meet(self, link: Head) -> None:
        if self._unmet.get(link.seq) == link.hash:
            del self._unmet[link.seq]


async def _start(session: AsyncSession, team_id: str) -> Head:
    """Begin at the newest checkpoint, else before the first event."""
    query = select(AuditCheckpointRow).where(AuditCheckpointRow.team_id == team_id)
    newest = await session.scalar(query.order_by(AuditCheckpointRow.seq.desc()).limit(1))
    if newest is None:
        return Head(team_id, 0, FIRST_PREVIOUS)
    return Head(team_id, newest.seq, newest.hash)


async def _batches(
    session: AsyncSession, team_id: str, after_seq: int
) -> AsyncIterator[Sequence[Row[Any]]]:
    """Read a chain in order; as plain rows, since mapped objects would cost twice as much."""
    last_seq = after_seq
    while True:
        query = select(*AuditEventRow.__table__.columns).where(
            AuditEventRow.team_id == team_id, AuditEventRow.seq > last_seq
        )
        rows = (await session.execute(query.order_by(AuditEventRow.seq).limit(BATCH))).all()
        yield rows
        if len(rows) < BATCH:
            return
        last_seq = rows[-1].seq


def _link(row: Row[Any]) -> Link:
    return Link(
        seq=row.seq,
        occurred_at=row.occurred_at,
        team_id=row.team_id,
        tag=row.tag,
        actor_id=row.actor_id,
        delivery_id=row.delivery_id,
        version=row.version,
        payload=row.payload,
        previous_hash=row.previous_hash,
    )
