"""Whether somebody holds a right here and now: what they are, and what grants say of them."""

from collections.abc import Collection
from dataclasses import dataclass

from bot.access.grants import Right
from bot.access.policy import Held, Standing, counts, may_use
from bot.access.rights import Rights
from bot.access.standings import Standings
from bot.errors import CallAudioError
from bot.logs import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Clearance:
    """What one person is to the workspace, and what grants say of them and one right."""

    standing: Standing
    held: Held

    @property
    def counts(self) -> bool | None:
        """Whether they hold the right; None: it cannot be told."""
        return counts(self.standing, self.held)

    @property
    def may_use(self) -> bool:
        """Whether callaudio is for them."""
        return may_use(self.standing, self.held)


class Clearances:
    """Reads one person's clearance; grants are read afresh each time."""

    def __init__(self, *, rights: Rights, standings: Standings) -> None:
        self._rights = rights
        self._standings = standings

    async def now(self, team_id: str, right: Right, user_id: str) -> Clearance:
        """Read it with a standing that Slack is asked for now.

        Raises:
            CallAudioError: Slack does not tell who they are.
        """
        standing = await self._standings.now(team_id, user_id)
        return Clearance(standing, await self._rights.held(team_id, right, user_id))

    async def now_or_unknown(self, team_id: str, right: Right, user_id: str) -> Clearance:
        """Do as ``now`` does; where Slack does not tell who they are, that is unknown."""
        standing = await self._standings.now_or_unknown(team_id, user_id)
        return Clearance(standing, await self._rights.held(team_id, right, user_id))

    async def recent_or_unknown(self, team_id: str, right: Right, user_id: str) -> Clearance:
        """Read it with a standing that may be remembered, for what is looked at over and over.

        Slack is not asked after somebody who has no grant, so that no standing could help them.
        """
        held = await self._rights.held(team_id, right, user_id)
        if held is Held.NOT:
            return Clearance(Standing.UNKNOWN, held)
        return Clearance(await self._standings.recent_or_unknown(team_id, user_id), held)

    async def by_name(self, team_id: str, user_ids: Collection[str]) -> dict[str, bool | None]:
        """Tell for each person whether what is given to them by name counts; None: not told.

        What they are may be remembered.
        """
        told: dict[str, Standing | None] = dict(await self._standings.remembered(team_id, user_ids))
        try:
            async for some in self._standings.learn(team_id, set(user_ids) - told.keys()):
                told |= some
        except CallAudioError as error:
            log.warning("fact_unknown", fact="standing", code=error.code)
        return {
            user_id: counts(told.get(user_id) or Standing.UNKNOWN, Held.BY_NAME)
            for user_id in user_ids
        }

    async def holds(self, team_id: str, right: Right, user_id: str) -> bool:
        """Tell whether somebody holds a right now; Slack is asked only after those with a grant.

        Raises:
            CallAudioError: Slack does not tell who somebody with a grant is.
        """
        held = await self._rights.held(team_id, right, user_id)
        if held is Held.NOT:
            return False
        return counts(await self._standings.now(team_id, user_id), held) is True
