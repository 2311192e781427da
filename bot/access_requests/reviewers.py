"""The people or the channel that review a request for access."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Final

from bot.access.clearance import Clearances
from bot.access.grants_in_force import named_admins
from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.store.database import Database

log = get_logger(__name__)

MOST_ASKED: Final = 10


class Reviewers:
    """The approvals channel if one is set, else the people who hold `admin` by name."""

    def __init__(
        self,
        *,
        database: Database,
        clearances: Clearances,
        clock: Callable[[], datetime],
        first_admins: frozenset[str],
        channel_id: str | None,
    ) -> None:
        self._database = database
        self._clearances = clearances
        self._clock = clock
        self._first_admins = first_admins
        self.channel_id = channel_id

    async def people(self, team_id: str, requester_id: str) -> AsyncIterator[str]:
        """Yield people who could decide now, the first admins first, without the requester.

        People whose right does not count now are left out.

        Raises:
            CallAudioError: Slack did not return the standing of a person; all others were yielded.
        """
        async with self._database.read() as session:
            named = await named_admins(session, team_id, self._first_admins, self._clock())
        found, unavailable = 0, None
        for user_id in sorted(
            named - {requester_id}, key=lambda u: (u not in self._first_admins, u)
        ):
            try:
                is_admin = await self._clearances.is_admin(team_id, user_id)
            except CallAudioError as error:
                if error.retryable:
                    unavailable = error
                else:
                    log.warning("reviewer_unknown", code=error.code)
                continue
            if is_admin:
                found += 1
                yield user_id
            if found == MOST_ASKED:
                return
        if unavailable:
            raise unavailable
