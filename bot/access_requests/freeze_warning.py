"""Notifies the admins that deliveries are frozen."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from bot.access_requests.notify import NobodyReached
from bot.access_requests.reviewers import Reviewers
from bot.audit.events import SYSTEM_ACTOR
from bot.errors import CallAudioError
from bot.recordings.redaction.canary_store import CanaryState, CanaryStore
from bot.store.due_work import Due

Warn = Callable[[str, CanaryState], Awaitable[bool]]
"""Writes to one admin; returns whether Slack accepted the message."""


class FreezeWarning:
    """Writes to everybody who holds `admin` now; repeated until one of them was reached."""

    def __init__(self, *, store: CanaryStore, reviewers: Reviewers, warn: Warn) -> None:
        self._store = store
        self._reviewers = reviewers
        self._warn = warn

    async def run(self, due: Due) -> datetime | None:
        """Warn of one freeze, unless it has ended or was announced before.

        Raises:
            NobodyReached: no admin was reached; a retry follows.
        """
        for state in await self._store.read():
            if state.conversation != due.key or state.frozen_at is None or state.notified_at:
                continue
            is_reached = False
            try:
                async for user_id in self._reviewers.people(state.team_id, SYSTEM_ACTOR):
                    is_reached |= await self._warn(user_id, state)
            except CallAudioError:
                if not is_reached:
                    raise
            if not is_reached:
                raise NobodyReached
            await self._store.mark_notified(state.conversation)
        return None
