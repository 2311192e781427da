"""Somebody who can manage rights is always left."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.access.grants import ChangeRefused, Right
from bot.access.grants_in_force import granted_admins, read_grants_in_force


class LastAdminKept(ChangeRefused):
    """The change would leave nobody who can manage rights, or nobody for good."""

    code = "last_admin"
    what = "That would leave no admin."
    likely_cause = (
        "Only people count who are active in this workspace and named as admins without an end, "
        "and no deny may reach them."
    )
    fix = "Make somebody else admin first, by name and without an end."


@dataclass(frozen=True, slots=True)
class AdminFacts:
    """What makes admins besides the grants in the store."""

    first_admins: frozenset[str]
    members: Mapping[str, frozenset[str] | None] | None
    """The members of each denied group, None for one that cannot be read; without a mapping
    groups are left out of account."""
    standings: Mapping[str, bool | None] | None = None
    """Of those named as admin, for whom a right counts by what they are to the workspace; None
    where Slack does not tell. Without a mapping all count."""

    def may_be(self, user_id: str) -> bool:
        """Whether somebody who is named may be an admin."""
        return self.standings is None or self.standings.get(user_id) is not False

    def is_certain(self, user_id: str) -> bool:
        """Whether somebody who is named is an admin for sure."""
        return self.standings is None or self.standings.get(user_id) is True


@dataclass(frozen=True, slots=True)
class Admins:
    """The people who hold `admin`; not those in groups, for Slack may empty one at any time."""

    now: frozenset[str]
    lasting: frozenset[str]
    """Those who hold it without an end."""

    def among(self, counts: Callable[[str], bool]) -> "Admins":
        """Leave out those who do not count."""
        return Admins(frozenset(filter(counts, self.now)), frozenset(filter(counts, self.lasting)))


@asynccontextmanager
async def an_admin_is_kept(
    session: AsyncSession, team_id: str, named: AdminFacts, now: datetime
) -> AsyncIterator[None]:
    """Let a change happen in its transaction, unless it takes the last admin away.

    Where there was none before, nothing is taken. Somebody of whom Slack does not tell what they
    are may have been one before, and is not counted as one who is left.

    Raises:
        LastAdminKept: nobody would be left, now or once every end has come.
    """
    await _wait_for_turn(session, team_id)
    before = (await _admins(session, team_id, named, now)).among(named.may_be)
    yield
    after = (await _admins(session, team_id, named, now)).among(named.is_certain)
    if (before.now and not after.now) or (before.lasting and not after.lasting):
        raise LastAdminKept


async def _wait_for_turn(session: AsyncSession, team_id: str) -> None:
    """Let nobody else change who is admin in this workspace until the transaction ends.

    Two admins who remove each other at once would each see the other one left. SQLite has one
    writer at a time anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        number = func.hashtext(f"admins of {team_id}")
        await session.execute(select(func.pg_advisory_xact_lock(number)))


async def _admins(session: AsyncSession, team_id: str, named: AdminFacts, now: datetime) -> Admins:
    ends = await granted_admins(session, team_id, now)
    everyone = named.first_admins | {user_id for user_id, _ in ends}
    endless = named.first_admins | {user_id for user_id, end in ends if end is None}
    said = await read_grants_in_force(session, team_id, Right.ADMIN, everyone, now)
    denied = said.denied
    if named.members is not None:
        for group_id in said.denied_groups:
            # Anybody may be in a group that cannot be read.
            denied |= everyone if (found := named.members.get(group_id)) is None else found
    return Admins(now=everyone - denied, lasting=endless - denied)
