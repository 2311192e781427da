"""Due work: one table from which workers claim what they run.

``bot.store.enqueue`` writes the rows. A worker claims a row under a lease, and renews the lease
while it works. When a lease expires, another worker claims the row; the first one cannot change it
any more, because its own claim id no longer matches.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import Row, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.ids import new_id
from bot.store.database import Database
from bot.store.due_work_statements import (
    delete_finished,
    end_of_lease,
    locked_in_order,
    select_due,
    select_first_due,
    set_claims,
    set_free,
    set_postponed,
)
from bot.store.enqueue import first_of, flow_in
from bot.store.tables import DueWorkRow

MUCH_LATER: Final = timedelta(hours=1)
"""Clocks differ by less, and work that nobody could do is set aside for no longer."""
SUSPECT_FROM: Final = 2
"""From this many takeovers on, work runs one piece at a time: it may be killing its workers."""


@dataclass(frozen=True, slots=True)
class Due:
    """One piece of work that a worker holds."""

    kind: str
    key: str
    tries: int
    """How many times in a row it was postponed."""
    claim: str
    revision: int
    was_held: bool
    """Whether another worker held it and its lease expired."""
    takeovers: int = 0
    """How many times in a row its lease expired."""
    due_at: datetime | None = None
    flow: int = 0
    """The flow in whose turn it was claimed."""


async def is_unchanged(session: AsyncSession, due: Due) -> bool:
    """Return whether the work was not enqueued again since it was claimed."""
    row = DueWorkRow
    revision = select(row.revision).where(row.kind == due.kind, row.key == due.key)
    return await session.scalar(revision) == due.revision


class DueWork:
    """Claims, renews and ends work for one worker process."""

    def __init__(
        self, *, database: Database, clock: Callable[[], datetime], lease: timedelta
    ) -> None:
        self._database = database
        self._clock = clock
        self._lease = None if database.is_sqlite else lease  # SQLite has one worker
        self._next_turns: defaultdict[str, int] = defaultdict(int)

    async def free_all(self) -> list[tuple[str, str]]:
        """Release every lease: the only worker of this database has just started.

        Returns kind and key of what the worker before it held.
        """
        row = DueWorkRow
        freed = update(row).where(row.claim.is_not(None))
        freeing = freed.values(claim=None, lease_ends_at=None, takeovers=row.takeovers + 1)
        async with self._database.write() as session:
            found = await session.execute(freeing.returning(row.kind, row.key))
            return [(each.kind, each.key) for each in found]

    async def bring_forward(self, longest_waits: Mapping[str, timedelta]) -> None:
        """Bring forward periodic work that is due much later than in its ``longest_waits``.

        A worker whose clock was fast stored it.
        """
        row, now = DueWorkRow, self._clock()
        async with self._database.write() as session:
            for kind, wait in longest_waits.items():
                late = select(row.key).where(
                    row.kind == kind, row.due_at > now + wait + MUCH_LATER, row.claim.is_(None)
                )
                these = row.key.in_(late.with_for_update(skip_locked=True))
                await session.execute(
                    update(row).where(row.kind == kind, these).values(due_at=now + wait)
                )

    async def first_due(self, kinds: Collection[str], *, takes_over: bool) -> dict[str, datetime]:
        """Return when the first unclaimed work of each kind is due."""
        if not kinds:
            return {}
        takes_over = takes_over and not self._database.is_sqlite
        firsts = select_first_due(tuple(kinds), takes_over=takes_over)
        (found,) = await self._database.rows(firsts)
        return {kind: due_at for kind, due_at in zip(kinds, found, strict=True) if due_at}

    async def claim(
        self,
        kind: str,
        limit: int,
        *,
        takes_over: bool,
        suspects: int = 1,
        in_turn: bool = False,
        passed_over: Collection[int] = (),
    ) -> list[Due]:
        """Claim due work, the oldest first or ``in_turn``, under one lease.

        ``takes_over`` includes work whose lease has expired. At most ``suspects`` of the claimed
        pieces may have killed their workers: see ``SUSPECT_FROM``. ``in_turn`` begins with the flow
        after the last one served, or with that one if it got only the room that other flows left in
        a claim. It serves no flow in ``passed_over``.
        """
        claim = new_id("w-", 16)
        takes_over = takes_over and not self._database.is_sqlite
        wanted = {"of": kind, "now": self._clock(), "most": limit}
        selects = partial(
            select_due, takes_over=takes_over, in_turn=in_turn, passes_over=bool(passed_over)
        )
        if in_turn:
            wanted["next_turn"] = self._next_turns[kind]
        if passed_over:
            wanted["passed_over"] = sorted(passed_over)
        async with self._database.write(is_short=True) as session:
            connection = await session.connection()
            found = [_due(kind, claim, row) for row in await connection.execute(selects(), wanted)]
            claimed = _within(found, suspects)
            if len(claimed) < len(found):
                # Other work must not wait until all suspects before it are done.
                suspected = [due for due in claimed if due.takeovers >= SUSPECT_FROM]
                wanted |= {"most": limit - len(suspected), "suspect_from": SUSPECT_FROM}
                others = await connection.execute(selects(fewer_takeovers=True), wanted)
                claimed = suspected + [_due(kind, claim, row) for row in others]
            if claimed:
                taken = {"of": kind, "keys": [each.key for each in claimed], "by": claim}
                await connection.execute(set_claims(self._lease), taken)
        if claimed:
            # If the claim has several flows, the last one got only the remaining room, so the next
            # claim begins with it.
            first, last = claimed[0].flow, claimed[-1].flow
            self._next_turns[kind] = first_of(last + (first == last))
        return claimed

    async def renew(self, claims: Collection[str]) -> set[tuple[str, str, str]]:
        """Renew the leases of these claims; returns kind, key and claim of those still held."""
        row = DueWorkRow
        renewed = (
            update(row)
            .where(locked_in_order(claims))
            .values(lease_ends_at=end_of_lease(self._lease))
            .returning(row.kind, row.key, row.claim)
        )
        async with self._database.write() as session:
            return {(each.kind, each.key, each.claim) for each in await session.execute(renewed)}

    async def finish(self, due: Due, again_at: datetime | None) -> bool:
        """End work, or postpone it until ``again_at``; returns whether its lease was still held.

        Without the lease nothing is changed. Work that was enqueued again meanwhile stays due.
        """
        mine = {"of": due.kind, "its_key": due.key, "by": due.claim}
        unchanged = {**mine, "as_of": due.revision}
        async with self._database.write(is_short=True) as session:
            connection = await session.connection()
            if again_at is None:
                done = await connection.scalar(delete_finished(), unchanged)
            else:
                done = await connection.scalar(set_postponed(), {**unchanged, "again_at": again_at})
            return bool(done or await connection.scalar(set_free(), mine))

    async def release(self, held: Sequence[Due]) -> None:
        """Release unfinished work: it is due at once, for any worker."""
        row = DueWorkRow
        these = tuple_(row.kind, row.key).in_([(each.kind, each.key) for each in held])
        mine = locked_in_order({each.claim for each in held})
        async with self._database.write() as session:
            await session.execute(update(row).where(mine, these).values(claim=None))


def _due(kind: str, claim: str, row: Row[Any]) -> Due:
    was_held = row.claim is not None
    takeovers = row.takeovers + was_held
    return Due(
        kind,
        row.key,
        row.tries,
        claim,
        row.revision,
        was_held,
        takeovers,
        row.due_at,
        flow_in(row.turn),
    )


def _within(found: Sequence[Due], suspects: int) -> list[Due]:
    """Keep at most this number of suspects."""
    numbers = itertools.count(1)
    return [due for due in found if due.takeovers < SUSPECT_FROM or next(numbers) <= suspects]
