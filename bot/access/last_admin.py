"""Somebody who can manage rights is always left."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.access.grants import ChangeRefused, Right, SubjectKind, in_force
from bot.access.named import read_named
from bot.store.tables import GrantRow


class LastAdminKept(ChangeRefused):
    """The change would leave nobody who can manage rights, or nobody for good."""

    code = "last_admin"
    what = "That would leave no admin."
    likely_cause = "Only people named as admins without an end count, and no deny may reach them."
    fix = "Make somebody else admin first, by name and without an end."


@dataclass(frozen=True, slots=True)
class Named:
    """What makes admins besides the grants in the store."""

    first_admins: frozenset[str]
    members: Mapping[str, frozenset[str] | None] | None
    """The members of each denied group, None for one that cannot be read; without a mapping
    groups are left out of account."""


@dataclass(frozen=True, slots=True)
class Admins:
    """The people who hold `admin`; not those in groups, for Slack may empty one at any time."""

    now: frozenset[str]
    lasting: frozenset[str]
    """Those who hold it without an end."""


@asynccontextmanager
async def an_admin_is_kept(
    session: AsyncSession, team_id: str, named: Named, now: datetime
) -> AsyncIterator[None]:
    """Let a change happen in its transaction, unless it takes the last admin away.

    Where there was none before, nothing is taken.

    Raises:
        LastAdminKept: nobody would be left, now or once every end has come.
    """
    await _wait_for_turn(session, team_id)
    before = await _admins(session, team_id, named, now)
    yield
    after = await _admins(session, team_id, named, now)
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


async def _admins(session: AsyncSession, team_id: str, named: Named, now: datetime) -> Admins:
    granted = select(GrantRow.subject_id, GrantRow.expires_at).where(
        GrantRow.team_id == team_id,
        # Spelt out: the planners then see that the index of admins serves.
        GrantRow.right == literal(Right.ADMIN.value, literal_execute=True),
        GrantRow.subject_kind == SubjectKind.USER.value,
        in_force(now),
    )
    ends = (await session.execute(granted)).all()
    everyone = named.first_admins | {user_id for user_id, _ in ends}
    endless = named.first_admins | {user_id for user_id, end in ends if end is None}
    said = await read_named(session, team_id, Right.ADMIN, everyone, now)
    denied = said.denied
    if named.members is not None:
        for group_id in said.denied_groups:
            # Anybody may be in a group that cannot be read.
            denied |= everyone if (found := named.members.get(group_id)) is None else found
    return Admins(now=everyone - denied, lasting=endless - denied)
