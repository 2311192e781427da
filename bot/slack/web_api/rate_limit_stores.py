"""Stores of the calls counted against Slack's rate limits: in memory, or in PostgreSQL."""

import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.slack.web_api.published_limits import Limit
from bot.slack.web_api.sliding_window import Allowed, Since, Spent, hold, spend
from bot.store.database import Database
from bot.store.inserts import insert_into
from bot.store.tables import SlackBudgetRow

HOLD_CHANNEL: Final = "callaudio_slack_holds"
"""On PostgreSQL a notification on this channel informs the other workers of a hold."""

OLDER_HOLD_SECONDS: Final = 3600.0
"""The bound of a hold that an older version stored, without its length."""


class RateLimitStore(Protocol):
    """Counts the calls of each of Slack's limits."""

    async def take(self, key: str, limit: Limit, wanted: int, *, since: Since) -> Allowed:
        """Take calls as far as the limit allows; the times in ``since`` are seconds before now."""
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
        self._spent[key], allowed = spend(
            spent, limit, wanted=wanted, now=now, since=_at(since, now)
        )
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

        async def change(connection: AsyncConnection, spent: Spent, now: float) -> Allowed:
            changed, allowed = spend(spent, limit, wanted=wanted, now=now, since=_at(since, now))
            await _keep(connection, key, changed)
            return allowed

        return await self._locked(key, change)

    async def hold(self, key: str, seconds: float) -> None:
        """Grant no calls for that long, and notify the workers."""

        async def change(connection: AsyncConnection, spent: Spent, now: float) -> Allowed:
            await _keep(connection, key, hold(spent, seconds=seconds, now=now))
            notify = text("SELECT pg_notify(:channel, :payload)")
            payload = json.dumps({"key": key, "seconds": seconds})
            await connection.execute(notify, {"channel": HOLD_CHANNEL, "payload": payload})
            return Allowed(0, seconds)

        await self._locked(key, change)

    async def _locked(
        self, key: str, change: Callable[[AsyncConnection, Spent, float], Awaitable[Allowed]]
    ) -> Allowed:
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
            return await change(connection, _spent_of(spent), float(moment))


def _at(since: Since, now: float) -> Since:
    return Since([now - age for age in since.made], [now - age for age in since.taken])


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
