"""Whether a person is cleared or an admin now, by their standing and their grants."""

from collections.abc import Collection
from dataclasses import dataclass

from bot.access.grants import Right
from bot.access.policy import RightHeld, Standing, counts, may_use
from bot.access.rights import Rights
from bot.access.standings import Standings
from bot.access.unknown_facts import log_unknown_fact
from bot.errors import CallAudioError


@dataclass(frozen=True, slots=True)
class Clearance:
    """The standing of a person, and their grants and denies of `pii`."""

    standing: Standing
    held: RightHeld

    @property
    def counts(self) -> bool | None:
        """Whether they are cleared; None: unknown."""
        return counts(self.standing, self.held)

    @property
    def may_use(self) -> bool:
        """Whether they may use callaudio."""
        return may_use(self.standing, self.held)


class Clearances:
    """Reads one person's clearance; grants are read each time."""

    def __init__(self, *, rights: Rights, standings: Standings) -> None:
        self._rights = rights
        self._standings = standings

    async def of_requester(self, team_id: str, user_id: str) -> Clearance:
        """Read whether a person may use callaudio: one rule for every form and list.

        Raises:
            CallAudioError: Slack did not return their standing; they are to try again.
        """
        standing = await self._standings.now(team_id, user_id)
        return Clearance(standing, await self._rights.held(team_id, Right.PII, user_id))

    async def now_or_unknown(self, team_id: str, user_id: str) -> Clearance:
        """Read the clearance now; if Slack does not answer, the standing is unknown."""
        standing = await self._standings.now_or_unknown(team_id, user_id)
        return Clearance(standing, await self._rights.held(team_id, Right.PII, user_id))

    async def recent_or_unknown(self, team_id: str, user_id: str) -> Clearance:
        """Read the clearance, with a stored standing if there is one, for periodic checks.

        Slack is not asked about a person without a grant: no standing would clear them.
        """
        held = await self._rights.held(team_id, Right.PII, user_id)
        if held is RightHeld.NOT:
            return Clearance(Standing.UNKNOWN, held)
        return Clearance(await self._standings.recent_or_unknown(team_id, user_id), held)

    async def by_name(self, team_id: str, user_ids: Collection[str]) -> dict[str, bool | None]:
        """Return for each person whether a grant by name counts for them; None: unknown.

        Stored standings are used where there are some.
        """
        standings: dict[str, Standing | None] = dict(
            await self._standings.stored(team_id, user_ids)
        )
        try:
            async for some in self._standings.learn(team_id, set(user_ids) - standings.keys()):
                standings |= some
        except CallAudioError as error:
            log_unknown_fact("standing", error)
        return {
            user_id: counts(standings.get(user_id) or Standing.UNKNOWN, RightHeld.BY_NAME)
            for user_id in user_ids
        }

    async def is_admin(self, team_id: str, user_id: str) -> bool:
        """Return whether a person is an admin now; Slack is asked only about people with a grant.

        Raises:
            CallAudioError: Slack did not return the standing of a person with a grant.
        """
        held = await self._rights.held(team_id, Right.ADMIN, user_id)
        if held is RightHeld.NOT:
            return False
        return counts(await self._standings.now(team_id, user_id), held) is True
