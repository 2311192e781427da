"""Who holds a right now: by name or through a Slack user group; a deny beats every grant."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.access.grants import NamedGrants, Right, read_named
from bot.errors import CallAudioError
from bot.logs import get_logger
from bot.store.database import Database

log = get_logger(__name__)


class Groups(Protocol):
    """Slack's user groups."""

    async def members(self, team_id: str, group_id: str) -> frozenset[str]:
        """List a group's members.

        Raises:
            CallAudioError: Slack does not tell.
        """
        ...


@dataclass(frozen=True, slots=True)
class Holders:
    """Those of the asked who hold the right."""

    everyone: frozenset[str]
    by_name: frozenset[str]
    """Those to whom a grant of their own gives it."""


class Rights:
    """Reads rights afresh at each call."""

    def __init__(
        self,
        *,
        database: Database,
        groups: Groups,
        clock: Callable[[], datetime],
        first_admins: frozenset[str],
    ) -> None:
        self._database = database
        self._groups = groups
        self._clock = clock
        self._first_admins = first_admins

    async def holders(self, team_id: str, right: Right, user_ids: Collection[str]) -> Holders:
        """Tell which of ``user_ids`` hold the right.

        A group that cannot be read gives nothing; one that is denied and cannot be read may hold
        anybody, so then nobody holds the right.
        """
        if not user_ids:
            return Holders(frozenset(), frozenset())
        async with self._database.read() as session:
            named = await read_named(session, team_id, right, user_ids, self._clock())
        asked = frozenset(user_ids)
        denied = named.denied | asked & await self._in_denied(team_id, named, asked)
        first = self._first_admins if right is Right.ADMIN else frozenset[str]()
        by_name = asked & (named.granted | first) - denied
        through = asked & await self._in_granted(team_id, named, asked - by_name - denied) - denied
        return Holders(everyone=by_name | through, by_name=by_name)

    async def hold(self, team_id: str, right: Right, user_id: str) -> bool:
        """Tell whether one person holds the right."""
        return user_id in (await self.holders(team_id, right, {user_id})).everyone

    async def is_denied(self, team_id: str, right: Right, user_id: str) -> bool:
        """Tell whether a deny keeps the right from somebody, so that no grant gives it.

        A denied group that cannot be read may hold anybody, so it counts.
        """
        asked = frozenset({user_id})
        async with self._database.read() as session:
            named = await read_named(session, team_id, right, asked, self._clock())
        return bool(named.denied or await self._in_denied(team_id, named, asked))

    async def _in_granted(
        self, team_id: str, named: NamedGrants, open_: frozenset[str]
    ) -> frozenset[str]:
        found: frozenset[str] = frozenset()
        for group_id in sorted(named.granted_groups):
            if not open_ - found:
                break
            found |= await self.members(team_id, group_id) or frozenset()
        return found

    async def _in_denied(
        self, team_id: str, named: NamedGrants, asked: frozenset[str]
    ) -> frozenset[str]:
        found: frozenset[str] = frozenset()
        for group_id in sorted(named.denied_groups):
            members = await self.members(team_id, group_id)
            if members is None:
                return asked
            found |= members
        return found

    async def members(self, team_id: str, group_id: str) -> frozenset[str] | None:
        """List a group's members; None where Slack does not tell."""
        try:
            return await self._groups.members(team_id, group_id)
        except CallAudioError as error:
            log.warning("group_unknown", group_id=group_id, code=error.code)
            return None
