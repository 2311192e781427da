"""Publishes App Homes: when they are opened, and again when what they show is over.

The store says which are due; what fails is repeated after a while. A Home that shows a right, or a
request that waits, is looked at over and over, so it is scrubbed however that ended: revoked,
denied, expired, decided, with a group, or because the person is no member any more.
"""

from datetime import datetime, timedelta
from typing import Final, Protocol

from bot.errors import CallAudioError
from bot.home.home_store import HomeStore, StoredHome
from bot.home.reading import Home, HomeReader
from bot.logs import get_logger
from bot.store.due_work import Due

log = get_logger(__name__)

LOOK_EVERY: Final = timedelta(seconds=60)
REFUSED_AGAIN_AFTER: Final = timedelta(hours=1)
"""What Slack refuses for good, such as the Home of somebody deactivated, is not asked each time."""


class HomeMovedOn(CallAudioError):
    """Slack holds a newer Home than the one that was to be replaced."""

    code = "home_moved_on"
    what = "The Home was published by somebody else meanwhile."
    likely_cause = "Two workers published it at the same time."
    retryable = True


class HomePort(Protocol):
    """What is done with a Home in Slack."""

    async def publish(self, home: Home, view_hash: str | None) -> str:
        """Show a Home to its person, in the place of the one of that hash; gives the new hash.

        Raises:
            HomeMovedOn: the hash is not that of what Slack holds.
            CallAudioError: Slack refused.
        """
        ...


class HomePublishing:
    """Looks after Homes, each by itself; every step may run twice."""

    def __init__(
        self, *, homes: HomeStore, reader: HomeReader, slack: HomePort, look_every: timedelta
    ) -> None:
        self._homes = homes
        self._reader = reader
        self._slack = slack
        self._look_every = look_every

    async def run(self, due: Due) -> datetime | None:
        """Look at one Home that is due; gives when to look again, None if it cannot grow old."""
        home = await self._homes.read(due)
        if home is None:
            return None
        try:
            return await self._look_at(home, due)
        except HomeMovedOn:
            await self._homes.moved_on(home)
            return self._homes.clock()
        except CallAudioError as error:
            log.warning("home_delayed", user_id=home.user_id, code=error.code)
            wait = self._look_every if error.retryable else REFUSED_AGAIN_AFTER
            return self._homes.clock() + wait

    async def _look_at(self, home: StoredHome, due: Due) -> datetime | None:
        if not home.is_stale:
            watched = await self._reader.watched(home.team_id, home.user_id)
            if watched.digest == home.shown:
                return self._next()
        read = await self._reader.read(home.team_id, home.user_id)
        view_hash = await self._slack.publish(read, home.view_hash)
        await self._homes.published(home, due, shown=read.watched.digest, view_hash=view_hash)
        return self._next() if read.may_grow_old else None

    def _next(self) -> datetime:
        return self._homes.clock() + self._look_every
