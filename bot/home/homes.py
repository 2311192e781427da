"""Whose App Home was published, what of it must not grow old, and when to look at it again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from bot.store.database import Database
from bot.store.tables import HomeRow


@dataclass(frozen=True, slots=True)
class ClaimedHome:
    """A Home that is due, as it was when it was claimed."""

    team_id: str
    user_id: str
    is_stale: bool
    """Whether it is to be published whatever it shows."""
    shown: str | None
    """The digest of what it shows that must not grow old; None: never published."""
    view_hash: str | None
    published_at: datetime | None
    look_at: datetime


class Homes:
    """Keeps whose Home to look at, and when; what cannot grow old is left until it is opened."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self.clock = clock

    async def opened(self, team_id: str, user_id: str) -> None:
        """Somebody looks at their Home: have it published soon."""
        insert = sqlite_insert if self._database.is_sqlite else postgresql_insert
        due = {"is_stale": True, "look_at": self.clock()}
        statement = insert(HomeRow).values(team_id=team_id, user_id=user_id, **due)
        async with self._database.write() as session:
            await session.execute(
                statement.on_conflict_do_update(
                    index_elements=[HomeRow.team_id, HomeRow.user_id], set_=due
                )
            )

    async def look_now(self, team_id: str) -> None:
        """Something changed in the workspace: look at each Home that shows what may be over."""
        shown = (HomeRow.team_id == team_id, HomeRow.look_at.is_not(None))
        # Locked in one order, by whoever else does so at the same time as well.
        in_order = select(HomeRow.user_id).where(*shown).order_by(HomeRow.user_id).with_for_update()
        statement = update(HomeRow).where(HomeRow.team_id == team_id, HomeRow.user_id.in_(in_order))
        async with self._database.write() as session:
            await session.execute(statement.values(look_at=self.clock()))

    async def claim(self, limit: int, again_after: timedelta) -> list[ClaimedHome]:
        """Take those that are due, longest due first; what fails is due again after a while."""
        key = tuple_(HomeRow.team_id, HomeRow.user_id)
        due = select(HomeRow.team_id, HomeRow.user_id).where(HomeRow.look_at <= self.clock())
        first = due.order_by(HomeRow.look_at).limit(limit).with_for_update(skip_locked=True)
        claimed = {"look_at": self.clock() + again_after}
        statement = update(HomeRow).where(key.in_(first)).values(**claimed)
        async with self._database.write() as session:
            rows = await session.scalars(statement.returning(HomeRow))
            return [_claimed(row, claimed["look_at"]) for row in rows]

    async def published(
        self, home: ClaimedHome, *, shown: str, view_hash: str, look_at: datetime | None
    ) -> None:
        """Note what it shows now."""
        told = {"shown": shown, "view_hash": view_hash, "published_at": self.clock()}
        await self._set(home, **told)
        await self.rest(home, look_at)

    async def rest(self, home: ClaimedHome, look_at: datetime | None) -> None:
        """Nothing is to be done before ``look_at``, unless something came up since the claim."""
        async with self._database.write() as session:
            await session.execute(
                update(HomeRow)
                .where(*_is(home), HomeRow.look_at == home.look_at)
                .values(is_stale=False, look_at=look_at)
            )

    async def put_off(self, home: ClaimedHome, look_at: datetime) -> None:
        """What could not be done is to be tried again then, unless something came up."""
        async with self._database.write() as session:
            await session.execute(
                update(HomeRow)
                .where(*_is(home), HomeRow.look_at == home.look_at)
                .values(look_at=look_at)
            )

    async def moved_on(self, home: ClaimedHome) -> None:
        """Another worker published it meanwhile: look again, with what that one noted.

        One that died before it noted it has taken the hash with it; then it is done without.
        """
        async with self._database.write() as session:
            unchanged = update(HomeRow).where(*_is(home), HomeRow.view_hash == home.view_hash)
            await session.execute(unchanged.values(view_hash=None))
        await self._set(home, is_stale=True, look_at=self.clock())

    async def _set(self, home: ClaimedHome, **values: Any) -> None:  # noqa: ANN401 - columns
        async with self._database.write() as session:
            await session.execute(update(HomeRow).where(*_is(home)).values(**values))


def _is(home: ClaimedHome) -> tuple[Any, ...]:
    return HomeRow.team_id == home.team_id, HomeRow.user_id == home.user_id


def _claimed(row: HomeRow, look_at: datetime) -> ClaimedHome:
    return ClaimedHome(
        team_id=row.team_id,
        user_id=row.user_id,
        is_stale=row.is_stale,
        shown=row.shown,
        view_hash=row.view_hash,
        published_at=row.published_at,
        look_at=look_at,
    )
