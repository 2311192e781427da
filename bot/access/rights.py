"""Who holds a right now: by name or through a Slack user group; a deny beats every grant."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Protocol

from bot.access.grants import Right, counts_for
from bot.access.grants_in_force import read_grants_in_force
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
        self.first_admins = first_admins

    async def holders(
        self, team_id: str, right: Right, user_ids: Collection[str]
    ) -> dict[str, RightHeld]:
        """Return those of ``user_ids`` who hold the right, or perhaps do, and how.

        A group that cannot be read may contain anybody. If it is granted, everybody without
        another grant is unknown; if it is denied, everybody who may hold the right is.
        """
        if not user_ids:
            return {}
        async with self._database.read(is_short=is_few(user_ids)) as session:
            named = await read_grants_in_force(session, team_id, right, user_ids, self._clock())
        asked = frozenset(user_ids)
        sought = dict.fromkeys(named.denied_groups, asked - named.denied)
        denied, perhaps_denied = await self._in_groups(team_id, sought)
        denied |= named.denied
        first = self.first_admins & asked if right is Right.ADMIN else frozenset[str]()
        by_name = (named.granted | first) - denied
        reached = _reached(right, named.granted_groups, asked - denied - by_name)
        by_group, perhaps_by_group = await self._in_groups(team_id, reached)
        return {
            **dict.fromkeys(perhaps_by_group, RightHeld.PERHAPS_BY_GROUP),
            **dict.fromkeys(
                by_group, RightHeld.PERHAPS_BY_GROUP if perhaps_denied else RightHeld.BY_GROUP
            ),
            **dict.fromkeys(
                by_name, RightHeld.PERHAPS_BY_NAME if perhaps_denied else RightHeld.BY_NAME
            ),
        }

    async def held(self, team_id: str, right: Right, user_id: str) -> RightHeld:
        """Classify one person by grants and denies."""
        return (await self.holders(team_id, right, {user_id})).get(user_id, RightHeld.NOT)

    async def is_denied(self, team_id: str, user_id: str) -> bool:
        """Return whether a deny of `pii` holds for a person, so that no grant of it counts.

        A denied group that cannot be read may contain anybody, so it counts.
        """
        asked = frozenset({user_id})
        async with self._database.read() as session:
            named = await read_grants_in_force(session, team_id, Right.PII, asked, self._clock())
        if named.denied:
            return True
        found, perhaps = await self._in_groups(team_id, dict.fromkeys(named.denied_groups, asked))
        return bool(found or perhaps)

    async def _in_groups(
        self, team_id: str, reached: Mapping[str, frozenset[str]]
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Search each group for the people it may contain, until all are found.

        Returns those found, and those of the rest who may be in a group that cannot be read.
        """
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
        return found, perhaps - found

    async def members(self, team_id: str, group_id: str) -> frozenset[str] | None:
        """List a group's members; None: Slack did not return them."""
        try:
            return await self._groups.members(team_id, group_id)
        except CallAudioError as error:
            note_unknown_fact("group", error, group_id=group_id)
            return None


def _reached(
    right: Right, granted: Collection[tuple[str, str]], people: frozenset[str]
) -> dict[str, frozenset[str]]:
    """Return, for each granted group, the people to whom its grants would give the right."""
    reached: dict[str, frozenset[str]] = {}
    for group_id, giver in granted:
        is_barred = giver in people and not counts_for(giver, right, giver)
        counting = people - {giver} if is_barred else people
        already = reached.get(group_id)
        reached[group_id] = counting | already if already else counting
    return reached
