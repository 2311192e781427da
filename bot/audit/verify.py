"""Verifies every chain, and compares rights, deliveries and redaction checks with it."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.audit.chain import Checkpoint, Head
from bot.audit.findings import ChainFault, ChainFinding, at_event, plain
from bot.audit.stored import checkpoint_of, checkpoint_rows, events, head_rows, is_number
from bot.audit.triggers import missing_triggers
from bot.audit.verify_deliveries import contradicted_deliveries, unaudited_deliveries, without_chain
from bot.audit.verify_redaction_checks import contradicted_checks
from bot.audit.verify_rights import contradicted_rights, unaudited_rights
from bot.audit.walk import Walk
from bot.store.tables import AuditEventRow

# For each kind and workspace: a million altered events must not fill the memory.
MOST_NAMED: Final = 1000


async def heads(session: AsyncSession) -> list[Head]:
    """List every workspace's newest link, according to its head row."""
    return [
        Head(row.team_id, row.seq, row.hash)
        for row in await head_rows(session)
        if isinstance(row.team_id, str) and is_number(row.seq) and isinstance(row.hash, str)
    ]


async def seals(session: AsyncSession) -> list[Checkpoint]:
    """List every checkpoint, oldest of each workspace first."""
    read = (checkpoint_of(row) for row in await checkpoint_rows(session))
    return [checkpoint for checkpoint in read if checkpoint]


async def count_events(session: AsyncSession) -> int:
    """Count all events, for a progress bar."""
    return await session.scalar(select(func.count()).select_from(AuditEventRow)) or 0


async def verify(
    session: AsyncSession,
    *,
    anchors: tuple[Head, ...] = (),
    on_progress: Callable[[int], None] = lambda _: None,
) -> AsyncIterator[ChainFinding]:
    """Verify every chain from its newest checkpoint, in bounded memory; yields the faults.

    Every row's hash is computed again from its content. A row whose content changed, or that is not
    an event, is *altered*; a gap in the numbers is *removed*; a row that does not continue the row
    before it is *unlinked*; a row whose id is out of order is *reordered*; a row that is numbered
    before the start of the chain is *stray*. A chain shorter than its head has lost its *tail*. An
    anchor before the checkpoint proves nothing: *unprovable*.

    Then the rest of the store is compared with the chains: *missing* triggers, workspaces without a
    chain, rights, deliveries and checks without an event, and events whose subject is gone or
    differs.

    While the bot writes, the session must read from one snapshot.
    """
    named: Counter[tuple[str, ChainFault]] = Counter()
    chains = _Chains(anchors)
    for part in (_findings(session, chains, on_progress), _findings_beside(session, chains)):
        async for finding in part:
            kind = (finding.team_id, finding.fault)
            named[kind] += 1
            if named[kind] <= MOST_NAMED:
                yield finding
    for (team_id, fault), count in named.items():
        if count > MOST_NAMED:
            yield ChainFinding(team_id, None, fault, f"and {count - MOST_NAMED} more like these")


async def _findings(
    session: AsyncSession, chains: "_Chains", on_progress: Callable[[int], None]
) -> AsyncIterator[ChainFinding]:
    for finding in [*await chains.read_heads(session), *await chains.read_seals(session)]:
        yield finding
    walk: Walk | None = None
    async for rows in events(session):
        for row in rows:
            if walk is None or row.team_id != walk.team_id:
                for finding in walk.end() if walk else ():
                    yield finding
                walk = None
                if not isinstance(row.team_id, str):
                    says = f"the row with id {plain(row.id)} belongs to no workspace"
                    yield ChainFinding(plain(row.team_id), None, ChainFault.STRAY, says)
                    continue
                walk = chains.walk(row.team_id)
            for finding in walk.step(row):
                yield finding
        on_progress(len(rows))
    for finding in walk.end() if walk else ():
        yield finding
    for finding in chains.without_events():
        yield finding


async def _findings_beside(session: AsyncSession, chains: "_Chains") -> AsyncIterator[ChainFinding]:
    for name in await missing_triggers(session):
        says = f"the trigger {name}, with which the database refuses changes, is missing or differs"
        yield ChainFinding("-", None, ChainFault.TRIGGER_MISSING, says)
    lost = await without_chain(session)
    for finding in lost:
        yield finding
    without = {each.team_id for each in lost}
    for part in (
        unaudited_rights(session, chains.walks, without),
        contradicted_rights(session),
        unaudited_deliveries(session, without),
        contradicted_deliveries(session),
        contradicted_checks(session),
    ):
        async for finding in part:
            yield finding


class _Chains:
    """The facts about each workspace's chain before its events are read."""

    def __init__(self, anchors: Iterable[Head]) -> None:
        self._heads: defaultdict[str, list[tuple[object, object]]] = defaultdict(list)
        self._seals: defaultdict[str, list[Checkpoint]] = defaultdict(list)
        self._anchors: defaultdict[str, set[tuple[int, str]]] = defaultdict(set)
        for anchor in anchors:
            self._anchors[anchor.team_id].add((anchor.seq, anchor.hash))
        self.walks: dict[str, Walk] = {}

    async def read_heads(self, session: AsyncSession) -> list[ChainFinding]:
        found = []
        for row in await head_rows(session):
            if isinstance(row.team_id, str):
                self._heads[row.team_id].append((row.seq, row.hash))
            else:
                says = "a head belongs to no workspace"
                found.append(ChainFinding(plain(row.team_id), None, ChainFault.HEAD_ALTERED, says))
        return found

    async def read_seals(self, session: AsyncSession) -> list[ChainFinding]:
        found = []
        for row in await checkpoint_rows(session):
            if checkpoint := checkpoint_of(row):
                self._seals[checkpoint.team_id].append(checkpoint)
            else:
                says = f"the checkpoint at {plain(row.seq)} is invalid: the bot did not write it"
                found.append(at_event(row, ChainFault.UNSEALED, says))
        return found

    def walk(self, team_id: str) -> Walk:
        self.walks[team_id] = Walk(
            team_id,
            seals=self._seals[team_id],
            heads=self._heads[team_id],
            anchors=frozenset(self._anchors[team_id]),
        )
        return self.walks[team_id]

    def without_events(self) -> Iterator[ChainFinding]:
        """End the chains that have a head, a checkpoint or an anchor, but no event."""
        known = set(self._heads) | set(self._seals) | set(self._anchors)
        for team_id in sorted(known - set(self.walks)):
            yield from self.walk(team_id).end()
