"""Publishes App Homes: when they are opened, and again when what they show has changed.

Due work says which to check, and a failure is retried. A Home that shows a right or a pending
request is checked periodically, so it is updated after every kind of end: a revocation, a deny, an
expiry, a decision, a change of a group, or a person who is no longer a member.
"""

from datetime import datetime, timedelta
from typing import Final, Protocol

from bot.errors import CallAudioError
from bot.home.home_store import HomeStore, StoredHome
from bot.home.reading import Home, HomeReader
from bot.observability.logs import get_logger
from bot.store.due_work import Due

log = get_logger(__name__)

CHECK_EVERY: Final = timedelta(seconds=60)
REFUSED_AGAIN_AFTER: Final = timedelta(hours=1)
"""After a permanent refusal, such as for a deactivated person, Slack is not asked every time."""


class HomeConflict(CallAudioError):
    """Slack has a newer Home than the one to be replaced."""

    code = "home_moved_on"
    what = "The Home was published by another worker meanwhile."
    likely_cause = "Two workers published it at the same time."
    retryable = True


class HomePort(Protocol):
    """Slack's side of a Home."""

    async def publish(self, home: Home, view_hash: str | None) -> str:
        """Publish a Home in place of the one with that hash; returns the new hash.

        Raises:
            HomeConflict: Slack has a Home with another hash.
            CallAudioError: Slack refused.
        """
        ...


class HomePublishing:
    """Checks and publishes one Home at a time; every step may run twice."""

    def __init__(
        self, *, home_store: HomeStore, reader: HomeReader, slack: HomePort, check_every: timedelta
    ) -> None:
        self._home_store = home_store
        self._reader = reader
        self._slack = slack
        self._check_every = check_every

    async def run(self, due: Due) -> datetime | None:
        """Check one Home that is due; returns when it is due again, None if it needs no checks."""
        home = await self._home_store.read(due)
        if home is None:
            return None
        try:
            return await self._check(home, due)
        except HomeConflict:
            await self._home_store.note_conflict(home)
            return self._home_store.clock()
        except CallAudioError as error:
            log.warning("home_delayed", user_id=home.user_id, code=error.code)
            wait = self._check_every if error.retryable else REFUSED_AGAIN_AFTER
            return self._home_store.clock() + wait

    async def _check(self, home: StoredHome, due: Due) -> datetime | None:
        if not home.is_stale:
            watched = await self._reader.watched(home.team_id, home.user_id)
            if watched.digest == home.shown:
                return self._next()
        read = await self._reader.read(home.team_id, home.user_id)
        view_hash = await self._slack.publish(read, home.view_hash)
        await self._home_store.published(home, due, shown=read.watched.digest, view_hash=view_hash)
        return self._next() if read.watched.has_to_be_checked else None

    def _next(self) -> datetime:
        return self._home_store.clock() + self._check_every
