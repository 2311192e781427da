"""Counts calls in sliding windows, stored in memory or in PostgreSQL: how many more may be made."""

import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.slack.web_api.published_limits import Limit
from bot.store.database import Database
from bot.store.inserts import insert_into
from bot.store.tables import SlackBudgetRow

HOLD_CHANNEL: Final = "callaudio_slack_holds"
"""On PostgreSQL a notification on this channel informs the other workers of a hold."""

OLDER_HOLD_SECONDS: Final = 3600.0
"""The bound of a hold that an older version stored, without its length."""

MARGIN: Final = 1.025
"""A call counts a little longer, because it reaches Slack some time after it was allowed."""
LEAST_WAIT_SECONDS: Final = 0.01


@dataclass(frozen=True, slots=True)
class Spent:
    """The calls that count, each until its own time; and until when Slack accepts no calls."""

    calls: tuple[tuple[float, int], ...] = ()
    held_until: float = 0.0
    held_seconds: float = 0.0
    """How long that was from when it was stored: it bounds the wait if the clock is set back."""

    @property
    def ends_at(self) -> float:
        """When none of the calls counts any more, and no hold is in force."""
        return max([self.held_until, *(until for until, _ in self.calls)])


@dataclass(frozen=True, slots=True)
class Since:
    """The calls since the last query of the store, as seconds before now.

    Attributes:
        made: calls that the store has not counted.
        taken: when calls that are in ``made`` were taken from the store, earlier than made.
    """

    made: Sequence[float] = ()
    taken: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Allowed:
    """How many calls may be made now, and in how many seconds more may be."""

    calls: int
    again_seconds: float


def spend(
    spent: Spent, limit: Limit, *, wanted: int, now: float, since: Since
) -> tuple[Spent, Allowed]:
    """Allow as many calls as the limit has room for."""
    lasts = limit.seconds * MARGIN
    counts: Counter[float] = Counter()
    for until, count in spent.calls:
        counts[min(until, now + lasts)] += count  # later: the clock was set back
    for age in since.taken:
        if counts:
            counts[min(counts, key=lambda until: abs(until - lasts - now + age))] -= 1
            counts = +counts
    counts.update(now - age + lasts for age in since.made)
    counting = sorted((until, count) for until, count in counts.items() if until > now)
    held_until = min(spent.held_until, now + spent.held_seconds)
    held = max(0.0, held_until - now)
    room = max(0, limit.calls - sum(count for _, count in counting))
    allowed = 0 if held else min(wanted, room)
    if allowed:
        counting.append((now + lasts, allowed))
    first_over = counting[0][0] - now if counting and allowed == room else 0.0
    again = max(held, first_over, LEAST_WAIT_SECONDS)
    return replace(spent, calls=tuple(counting), held_until=held_until), Allowed(allowed, again)


def hold(spent: Spent, *, seconds: float, now: float) -> Spent:
    """Allow no calls for that long."""
    before = min(spent.held_until - now, spent.held_seconds)
    longest = max(before, seconds)
    return replace(spent, held_until=now + longest, held_seconds=longest)


class RateLimitStore(Protocol):
    """Counts the calls of each of Slack's limits."""

    async def take(self, key: str, limit: Limit, wanted: int, *, since: Since) -> Allowed:
        """Take calls as far as the limit allows."""
        ...

    async def hold(self, key: str, seconds: float) -> None:
        """Grant no calls for that long."""
        ...


class MemoryRateLimitStore:
    """Counts the calls of a single process, in memory."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._spent: dict[str, Spent] = {}

    async def take(self, key: str, limit: Limit, wanted: int, *, since: Since) -> Allowed:
        """Take calls as far as the limit allows."""
        now = self._monotonic()
        self._spent = {each: spent for each, spent in self._spent.items() if spent.ends_at > now}
        spent = self._spent.get(key, Spent())
        self._spent[key], allowed = spend(spent, limit, wanted=wanted, now=now, since=since)
        return allowed

    async def hold(self, key: str, seconds: float) -> None:
        """Grant no calls for that long."""
        spent = self._spent.get(key, Spent())
        self._spent[key] = hold(spent, seconds=seconds, now=self._monotonic())


class SharedRateLimitStore:
    """Counts the calls of all processes in PostgreSQL, by its clock; a row lock serializes them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, key: str, limit: Limit, wanted: int, *, since: Since) -> Allowed:
        """Take calls as far as the limit allows."""
        async with self._locked(key) as (connection, spent, now):
            changed, allowed = spend(spent, limit, wanted=wanted, now=now, since=since)
            await _keep(connection, key, changed)
        return allowed

    async def hold(self, key: str, seconds: float) -> None:
        """Grant no calls for that long, and notify the workers."""
        async with self._locked(key) as (connection, spent, now):
            await _keep(connection, key, hold(spent, seconds=seconds, now=now))
            notify = text("SELECT pg_notify(:channel, :payload)")
            payload = json.dumps({"key": key, "seconds": seconds})
            await connection.execute(notify, {"channel": HOLD_CHANNEL, "payload": payload})

    @asynccontextmanager
    async def _locked(self, key: str) -> AsyncIterator[tuple[AsyncConnection, Spent, float]]:
        row = SlackBudgetRow
        new = insert_into(row, is_sqlite=False).values(
            key=key, spent={}, ends_at=datetime.fromtimestamp(0, UTC)
        )
        async with self._database.write(is_short=True) as session:
            connection = await session.connection()
            await connection.execute(new.on_conflict_do_nothing())
            now = func.extract("epoch", func.clock_timestamp())
            locked = select(row.spent, now).where(row.key == key).with_for_update()
            spent, moment = (await connection.execute(locked)).one()
            yield connection, _spent_of(spent), float(moment)


async def _keep(connection: AsyncConnection, key: str, spent: Spent) -> None:
    row = SlackBudgetRow
    values = {
        "calls": [list(each) for each in spent.calls],
        "held_until": spent.held_until,
        "held_seconds": spent.held_seconds,
    }
    ends_at = datetime.fromtimestamp(spent.ends_at, UTC)
    await connection.execute(
        update(row).where(row.key == key).values(spent=values, ends_at=ends_at)
    )


def _spent_of(stored: dict[str, Any]) -> Spent:
    calls = tuple((float(until), int(count)) for until, count in stored.get("calls", ()))
    held_until = float(stored.get("held_until", 0.0))
    return Spent(calls, held_until, float(stored.get("held_seconds", OLDER_HOLD_SECONDS)))
