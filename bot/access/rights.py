"""Who holds a right now: by name or through a Slack user group; a deny beats every grant."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.access.grants import Right, counts_for
from bot.access.grants_in_force import GroupGrant, read_grants_in_force
from bot.access.policy import RightHeld
from bot.access.unknown_facts import note_unknown_fact
from bot.errors import CallAudioError
from bot.store.database import Database, is_few


class Groups(Protocol):
    """Slack's user groups."""

    async def members(self, team_id: str, group_id: str) -> frozenset[str]:
        """List a group's members.

        Raises:
            CallAudioError: Slack does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Holders:
    """Who holds the right, among some people; a person in none of the sets does not."""

    everyone: frozenset[str]
    """Those who hold it."""
    by_name: frozenset[str]
    """Those of ``everyone`` and ``unknown`` who hold it by a grant by name."""
    unknown: frozenset[str] = frozenset()
    """The people whose right depends on a group that cannot be read."""

    def of(self, user_id: str) -> RightHeld:
        """Classify one person."""
        is_named = user_id in self.by_name
        if user_id in self.everyone:
            return RightHeld.BY_NAME if is_named else RightHeld.BY_GROUP
        if user_id in self.unknown:
            return RightHeld.PERHAPS_BY_NAME if is_named else RightHeld.PERHAPS_BY_GROUP
        return RightHeld.NOT


@dataclass(frozen=True, slots=True)
class _InGroups:
    """Which of some people are in one of some groups."""

    found: frozenset[str]
    perhaps: frozenset[str]
    """Those of the rest who may be in a group that cannot be read."""


class Rights:
    """Reads rights from the store at each call."""

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
        """Return which of ``user_ids`` hold the right, and for which that is unknown.

        A group that cannot be read may contain anybody. If it is granted, everybody without
        another grant is unknown; if it is denied, everybody who may hold the right is.
        """
        if not user_ids:
            return Holders(frozenset(), frozenset())
        async with self._database.read(is_short=is_few(user_ids)) as session:
            named = await read_grants_in_force(session, team_id, right, user_ids, self._clock())
        asked = frozenset(user_ids)
        rest = asked - named.denied
        denying = await self._in_groups(team_id, dict.fromkeys(named.denied_groups, rest))
        denied = named.denied | denying.found
        first = self._first_admins & asked if right is Right.ADMIN else frozenset[str]()
        by_name = (named.granted | first) - denied
        reached = _reached(right, named.granted_groups, asked - denied - by_name)
        giving = await self._in_groups(team_id, reached)
        holding = by_name | giving.found
        if denying.perhaps:
            return Holders(frozenset(), by_name, unknown=holding | giving.perhaps)
        return Holders(holding, by_name, unknown=giving.perhaps)

    async def held(self, team_id: str, right: Right, user_id: str) -> RightHeld:
        """Classify one person by grants and denies."""
        return (await self.holders(team_id, right, {user_id})).of(user_id)

    def is_first_admin(self, user_id: str) -> bool:
        """Return whether CALLAUDIO_ADMINS names the person."""
        return user_id in self._first_admins

    async def is_denied(self, team_id: str, right: Right, user_id: str) -> bool:
        """Return whether a deny holds for a person, so that no grant counts.

        A denied group that cannot be read may contain anybody, so it counts.
        """
        asked = frozenset({user_id})
        async with self._database.read() as session:
            named = await read_grants_in_force(session, team_id, right, asked, self._clock())
        if named.denied:
            return True
        denying = await self._in_groups(team_id, dict.fromkeys(named.denied_groups, asked))
        return bool(denying.found or denying.perhaps)

    async def denied_groups(self, team_id: str, right: Right) -> dict[str, frozenset[str] | None]:
        """List the members of each denied group; None: Slack did not return them."""
        async with self._database.read() as session:
            named = await read_grants_in_force(session, team_id, right, (), self._clock())
        return {each: await self.members(team_id, each) for each in sorted(named.denied_groups)}

    async def _in_groups(self, team_id: str, reached: Mapping[str, frozenset[str]]) -> _InGroups:
        """Search each group for the people it may contain, until all are found."""
        found: frozenset[str] = frozenset()
        perhaps: frozenset[str] = frozenset()
        for group_id, people in sorted(reached.items()):
            sought = people - found
            if not sought:
                continue
            members = await self.members(team_id, group_id)
            if members is None:
                perhaps |= sought
            else:
                found |= sought & members
        return _InGroups(found, perhaps - found)

    async def members(self, team_id: str, group_id: str) -> frozenset[str] | None:
        """List a group's members; None: Slack did not return them."""
        try:
            return await self._groups.members(team_id, group_id)
        except CallAudioError as error:
            note_unknown_fact("group", error, group_id=group_id)
            return None


def _reached(
    right: Right, granted: Collection[GroupGrant], people: frozenset[str]
) -> dict[str, frozenset[str]]:
    """Return, for each granted group, the people to whom its grant would give the right."""
    reached: dict[str, frozenset[str]] = {}
    for each in granted:
        giver = each.given_by
        is_barred = giver in people and not counts_for(giver, right, giver)
        counting = people - {giver} if is_barred else people
        already = reached.get(each.group_id)
        reached[each.group_id] = counting | already if already else counting
    return reached
