"""Changes rights: each change is one transaction with its audit event, and keeps an admin."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.access.grants import (
    ChangeRefused,
    Effect,
    Grant,
    NewGrant,
    NothingToRevoke,
    Right,
    Subject,
    add_grant,
)
from bot.access.grants import revoke as end_grants
from bot.access.grants_in_force import granted_admins, read_grants_in_force
from bot.audit.events import AuditEvent, AuditTag
from bot.audit.log import record_refusal
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue
from bot.store.idempotency import AlreadyDone, claim_once
from bot.store.inserts import is_on_sqlite


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


class RightsChanges:
    """Writes grants, denies and revocations; the caller has authorized the actor.

    ``read_admin_facts`` is called before the transaction of a change that takes `admin` away.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Callable[[], datetime],
        read_admin_facts: Callable[[Subject], Awaitable[AdminFacts]],
    ) -> None:
        self._database = database
        self._clock = clock
        self._read_admin_facts = read_admin_facts

    async def give(self, new: NewGrant, *, trigger_id: str | None = None) -> Grant:
        """Write a grant or a deny, once for each trigger.

        Raises:
            AlreadyDone, ChangeRefused: audited.
        """
        asked = (new.effect.value, new.subject, new.right)
        async with self._change(*asked, by=new.given_by, trigger_id=trigger_id) as session:
            return await add_grant(session, new)

    async def revoke(
        self,
        subject: Subject,
        right: Right,
        *,
        by: str,
        reaches_actor: bool = False,
        trigger_id: str | None = None,
    ) -> int:
        """End every grant and deny of the right for the subject; returns their number.

        Raises:
            AlreadyDone, NothingToRevoke, ChangeRefused: audited.
        """
        async with self._change("revoke", subject, right, by=by, trigger_id=trigger_id) as session:
            return await end_grants(
                session, subject, right, by=by, now=self._clock(), reaches_actor=reaches_actor
            )

    @asynccontextmanager
    async def _change(
        self, action: str, subject: Subject, right: Right, *, by: str, trigger_id: str | None
    ) -> AsyncIterator[AsyncSession]:
        team_id = subject.team_id
        takes_admin = right is Right.ADMIN and action != Effect.GRANT
        facts = await self._read_admin_facts(subject) if takes_admin else None
        try:
            async with self._database.write() as session:
                now = self._clock()
                # Raw files and Homes that the old rights allowed are checked. Stored here, the
                # check also runs if the answer to the commit is lost, or the process is killed.
                enqueue(session, DueWorkKind.RECHECK_RIGHTS, team_id, now=now)
                keeping = _keeping_an_admin(session, team_id, facts, now) if facts else None
                async with keeping or nullcontext():
                    await claim_once(session, team_id, trigger_id, now)
                    yield session
        except (ChangeRefused, NothingToRevoke, AlreadyDone) as error:
            # The change is rolled back; the refusal needs a transaction of its own.
            payload = {
                "action": action,
                "code": error.code,
                "right": right.value,
                "subject_kind": subject.kind.value,
                "subject_id": subject.id,
            }
            await record_refusal(
                self._database,
                AuditEvent(
                    tag=AuditTag.GRANT_REFUSED,
                    team_id=team_id,
                    actor_id=by,
                    occurred_at=self._clock(),
                    payload=payload,
                ),
            )
            raise


@asynccontextmanager
async def _keeping_an_admin(
    session: AsyncSession, team_id: str, facts: AdminFacts, now: datetime
) -> AsyncIterator[None]:
    """Run a change in its transaction, unless it takes the last admin away.

    If there was no admin before, every change is allowed. A person of unknown standing may have
    been an admin before, and does not count as one afterwards.

    Raises:
        LastAdminKept: no admin would be left, now or after all grants have expired.
    """
    if not is_on_sqlite(session):
        # Otherwise two admins could remove each other at the same time. SQLite has one writer.
        number = func.hashtext(f"admins of {team_id}")
        await session.execute(select(func.pg_advisory_xact_lock(number)))
    before = await _admins(session, team_id, facts, now, facts.may_be)
    yield
    after = await _admins(session, team_id, facts, now, facts.is_certain)
    if (before and not after) or (any(before.values()) and not any(after.values())):
        raise LastAdminKept


async def _admins(
    session: AsyncSession,
    team_id: str,
    facts: AdminFacts,
    now: datetime,
    counts: Callable[[str], bool],
) -> dict[str, bool]:
    """Return the people who hold `admin` by name, each with whether permanently.

    Groups do not count: they can be emptied in Slack.
    """
    ends = await granted_admins(session, team_id, now)
    everyone = facts.first_admins | {user_id for user_id, _ in ends}
    lasting = facts.first_admins | {user_id for user_id, end in ends if end is None}
    grants = await read_grants_in_force(session, team_id, Right.ADMIN, everyone, now)
    denied = grants.denied
    if facts.members is not None:
        for group_id in grants.denied_groups:
            # A group that cannot be read may contain anybody.
            denied |= everyone if (found := facts.members.get(group_id)) is None else found
    return {each: each in lasting for each in everyone - denied if counts(each)}
