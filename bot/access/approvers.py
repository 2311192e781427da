"""Whom a request for access is put to."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from bot.access.named import named_admins
from bot.store.database import Database

MOST_ASKED: Final = 10


class Approvers:
    """The approvals channel where one is set up, else the people who hold `admin` by name."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Callable[[], datetime],
        first_admins: frozenset[str],
        channel_id: str | None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._first_admins = first_admins
        self.channel_id = channel_id

    async def people(self, team_id: str, asker_id: str) -> tuple[str, ...]:
        """List up to ten admins but the asker, those who run the bot first."""
        async with self._database.read() as session:
            named = await named_admins(session, team_id, self._first_admins, self._clock())
        others = sorted(named - {asker_id}, key=lambda user: (user not in self._first_admins, user))
        return tuple(others[:MOST_ASKED])
