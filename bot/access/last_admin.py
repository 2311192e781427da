"""Every workspace keeps at least one admin."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.access.grants import ChangeRefused, Right
from bot.access.grants_in_force import granted_admins, read_grants_in_force


class LastAdminKept(ChangeRefused):
    """The change would leave no admin, or no admin without an expiry."""

    code = "last_admin"
    what = "That would leave no admin."
    likely_cause = (
        "Only people count who are active in this workspace and named as admins permanently, "
        "and no deny may reach them."
    )
    fix = "Make somebody else admin first, by name and permanently."


@dataclass(frozen=True, slots=True)
class AdminFacts:
    """The facts about admins that are not in the store."""

    first_admins: frozenset[str]
    members: Mapping[str, frozenset[str] | None] | None
    """The members of each denied group; None for a group that cannot be read. If there is no
    mapping, groups are ignored."""
    standings: Mapping[str, bool | None] | None = None
    """For each person named as admin, whether rights count for their standing; None: unknown. If
    there is no mapping, all count."""

    def may_be(self, user_id: str) -> bool:
        """Whether a named person may be an admin."""
        return self.standings is None or self.standings.get(user_id) is not False

    def is_certain(self, user_id: str) -> bool:
        """Whether a named person is certainly an admin."""
        return self.standings is None or self.standings.get(user_id) is True


@dataclass(frozen=True, slots=True)
class Admins:
    """The people who hold `admin` by name. Groups do not count: they can be emptied in Slack."""

    now: frozenset[str]
    lasting: frozenset[str]
    """Those whose grant has no expiry."""

    def among(self, counts: Callable[[str], bool]) -> "Admins":
        """Keep only the people who count."""
        return Admins(frozenset(filter(counts, self.now)), frozenset(filter(counts, self.lasting)))


@asynccontextmanager
async def keep_an_admin(
    session: AsyncSession, team_id: str, named: AdminFacts, now: datetime
) -> AsyncIterator[None]:
    """Run a change in its transaction, unless it takes the last admin away.

    If there was no admin before, every change is allowed. A person of unknown standing may have
    been an admin before, and does not count as one afterwards.

    Raises:
        LastAdminKept: no admin would be left, now or after all grants have expired.
    """
    await _wait_for_turn(session, team_id)
    before = (await _admins(session, team_id, named, now)).among(named.may_be)
    yield
    after = (await _admins(session, team_id, named, now)).among(named.is_certain)
    if (before.now and not after.now) or (before.lasting and not after.lasting):
        raise LastAdminKept


async def _wait_for_turn(session: AsyncSession, team_id: str) -> None:
    """Lock the workspace's set of admins until the transaction ends.

    Otherwise two admins could remove each other at the same time. SQLite has only one writer.
    """
    if session.get_bind().dialect.name == "postgresql":
        number = func.hashtext(f"admins of {team_id}")
        await session.execute(select(func.pg_advisory_xact_lock(number)))


async def _admins(session: AsyncSession, team_id: str, named: AdminFacts, now: datetime) -> Admins:
    ends = await granted_admins(session, team_id, now)
    everyone = named.first_admins | {user_id for user_id, _ in ends}
    endless = named.first_admins | {user_id for user_id, end in ends if end is None}
    grants = await read_grants_in_force(session, team_id, Right.ADMIN, everyone, now)
    denied = grants.denied
    if named.members is not None:
        for group_id in grants.denied_groups:
            # A group that cannot be read may contain anybody.
            denied |= everyone if (found := named.members.get(group_id)) is None else found
    return Admins(now=everyone - denied, lasting=endless - denied)
