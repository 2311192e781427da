"""The rights of one person, and the grants and denies behind them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.access.grant_pages import groups_in_force, in_force_for
from bot.access.grants import Effect, Grant, Right, SubjectKind, counts_for
from bot.access.policy import RightHeld, Standing, counts
from bot.access.rights import Rights
from bot.access.standings import Standings
from bot.store.database import Database


@dataclass(frozen=True, slots=True)
class Person:
    """A person's standing, the rights they hold, and the grants and denies that concern them."""

    standing: Standing
    held: frozenset[Right]
    grants: tuple[Grant, ...]
    """The grants and denies in force, including grants that do not count for the person."""
    is_first_admin: bool = False
    """Whether CALLAUDIO_ADMINS names the person; a deny beats that too."""
    unread_groups: frozenset[str] = frozenset()
    """The groups whose members Slack did not return: a deny of one may concern the person."""

    @property
    def may_use(self) -> bool:
        """Whether they may use callaudio: members, and guests for whom a right counts."""
        return self.standing is Standing.MEMBER or bool(self.held)

    def is_counted(self, grant: Grant) -> bool:
        """Return whether a grant counts for the person; a deny always does."""
        if grant.effect is Effect.DENY:
            return True
        by_name = grant.subject.kind is SubjectKind.USER
        return counts(self.standing, RightHeld.BY_NAME if by_name else RightHeld.BY_GROUP) is True

    def grant_of(self, right: Right) -> Grant | None:
        """Return the grant of a right that ends last.

        None if they do not hold the right, or hold it without a grant, as the first admins do.
        """
        if right not in self.held:
            return None
        granted = (g for g in self.grants if g.right is right and g.effect is Effect.GRANT)
        giving = [grant for grant in granted if self.is_counted(grant)]
        endless = [grant for grant in giving if grant.expires_at is None]
        ending = [(g.expires_at, g.id, g) for g in giving if g.expires_at]
        return endless[0] if endless else max(ending)[-1] if ending else None

    def deny_of(self, right: Right) -> Grant | None:
        """Return the deny of a right that applies to them, else one that may, or None."""
        denies = [g for g in self.grants if g.right is right and g.effect is Effect.DENY]
        return min(denies, key=self.is_uncertain, default=None)

    def is_uncertain(self, deny: Grant) -> bool:
        """Return whether a deny is of a group that may or may not contain the person."""
        return deny.effect is Effect.DENY and deny.subject.id in self.unread_groups


class People:
    """Reads the rights of people; nothing is cached between calls."""

    def __init__(
        self,
        *,
        database: Database,
        rights: Rights,
        standings: Standings,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._rights = rights
        self._standings = standings
        self._clock = clock

    async def read(self, team_id: str, user_id: str) -> Person:
        """Read a person's rights, with a standing that Slack returns now.

        Raises:
            CallAudioError: Slack did not return their standing.
        """
        return await self.read_as(team_id, user_id, await self._standings.now(team_id, user_id))

    async def read_or_unknown(self, team_id: str, user_id: str) -> Person:
        """Do as ``read`` does; if Slack fails, the standing is unknown and no right is held."""
        standing = await self._standings.now_or_unknown(team_id, user_id)
        return await self.read_as(team_id, user_id, standing)

    async def recent(self, team_id: str, user_id: str) -> Person:
        """Do as ``read`` does, with a stored standing if there is one.

        Raises:
            CallAudioError: no standing is stored, and Slack did not return it.
        """
        return await self.read_as(team_id, user_id, await self._standings.recent(team_id, user_id))

    async def read_as(self, team_id: str, user_id: str, standing: Standing) -> Person:
        """Do as ``read`` does, with a standing that the caller has just read."""
        now = self._clock()
        async with self._database.read() as session:
            group_ids = await groups_in_force(session, team_id, now)
        groups = {each: await self._rights.members(team_id, each) for each in sorted(group_ids)}
        theirs = (each for each, found in groups.items() if found is None or user_id in found)
        async with self._database.read() as session:
            rows = await in_force_for(session, team_id, {user_id, *theirs}, now)
        return Person(
            standing,
            await self._held(team_id, user_id, standing),
            tuple(row for row in rows if _concerns(row, user_id, groups)),
            is_first_admin=user_id in self._rights.first_admins,
            unread_groups=frozenset(each for each, found in groups.items() if found is None),
        )

    async def without_effect(self, grant: Grant) -> Person | None:
        """Read the person or group of a grant that does not count now; None if it does.

        The deny of its right beats it; without one, rights do not count for that standing.
        """
        subject = grant.subject
        if subject.kind is SubjectKind.USER:
            person = await self.read_or_unknown(subject.team_id, subject.id)
        else:
            async with self._database.read() as session:
                rows = await in_force_for(session, subject.team_id, {subject.id}, self._clock())
            person = Person(Standing.MEMBER, frozenset({grant.right}), rows)
        counts = grant.right in person.held and person.deny_of(grant.right) is None
        return None if counts else person

    async def _held(self, team_id: str, user_id: str, standing: Standing) -> frozenset[Right]:
        held = {right: await self._rights.held(team_id, right, user_id) for right in Right}
        return frozenset(right for right in Right if counts(standing, held[right]))


def _concerns(grant: Grant, user_id: str, groups: Mapping[str, frozenset[str] | None]) -> bool:
    if grant.subject.kind is SubjectKind.USER:
        return True
    members = groups[grant.subject.id]
    if grant.effect is Effect.DENY:
        # A deny for a group that cannot be read concerns everybody.
        return members is None or user_id in members
    is_counted = counts_for(user_id, grant.right, grant.given_by)
    return is_counted and members is not None and user_id in members
