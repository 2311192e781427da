"""Stores which App Homes were published, and a hash of what each shows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import update

from bot.store.database import Database
from bot.store.due_work import Due, is_unchanged
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue, expedite
from bot.store.inserts import insert_into
from bot.store.tables import HomeRow


@dataclass(frozen=True, slots=True)
class StoredHome:
    """A stored Home."""

    team_id: str
    user_id: str
    is_stale: bool
    """Whether it is published even if nothing has changed."""
    shown: str | None
    """The hash of the rights and requests it shows; None: never published."""
    view_hash: str | None


class HomeStore:
    """Stores the Homes to check; a Home without rights or requests is not checked until opened."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self.clock = clock

    async def opened(self, team_id: str, user_id: str) -> None:
        """Handle that a person opened their Home: schedule it to be published."""
        statement = insert_into(HomeRow, is_sqlite=self._database.is_sqlite).values(
            team_id=team_id, user_id=user_id, is_stale=True
        )
        async with self._database.write() as session:
            await session.execute(
                statement.on_conflict_do_update(
                    index_elements=[HomeRow.team_id, HomeRow.user_id], set_={"is_stale": True}
                )
            )
            enqueue(session, DueWorkKind.PUBLISH_HOME, key_of(team_id, user_id), now=self.clock())

    async def check_now(self, team_id: str) -> None:
        """Handle a change of rights or requests: check every Home that shows some."""
        async with self._database.write() as session:
            await expedite(session, DueWorkKind.PUBLISH_HOME, key_of(team_id, ""), now=self.clock())

    async def read(self, due: Due) -> StoredHome | None:
        """Read a Home."""
        team_id, user_id = due.key.split(":", 1)
        async with self._database.read() as session:
            row = await session.get(HomeRow, (team_id, user_id))
        if row is None:
            return None
        return StoredHome(team_id, user_id, row.is_stale, row.shown, row.view_hash)

    async def published(self, home: StoredHome, due: Due, *, shown: str, view_hash: str) -> None:
        """Store what it shows now; if it was opened meanwhile, it stays scheduled."""
        shown_now = {"shown": shown, "view_hash": view_hash, "is_stale": False}
        async with self._database.write() as session:
            # Opening it changes this row first and due work second, so the locks have one order.
            await session.execute(_change(home, **shown_now))
            if not await is_unchanged(session, due):
                await session.execute(_change(home, is_stale=True))

    async def note_conflict(self, home: StoredHome) -> None:
        """Handle that another worker published it: check again, with the hash that worker stored.

        If that worker was killed before it stored the hash, the next publish sends no hash.
        """
        async with self._database.write() as session:
            await session.execute(_change(home, is_stale=True))
            unchanged = HomeRow.view_hash == home.view_hash
            await session.execute(_change(home, view_hash=None).where(unchanged))


def key_of(team_id: str, user_id: str) -> str:
    """Build the key of the due work for one Home."""
    return f"{team_id}:{user_id}"


def _change(home: StoredHome, **values: Any) -> Any:  # noqa: ANN401 - columns, and an update
    is_it = (HomeRow.team_id == home.team_id, HomeRow.user_id == home.user_id)
    return update(HomeRow).where(*is_it).values(**values)
