"""Changes rights in one transaction with their audit events, and audits refused changes."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

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
from bot.access.last_admin import AdminFacts, keep_an_admin
from bot.access.rights_check import schedule_rights_check
from bot.audit.events import AuditEvent, AuditTag
from bot.audit.log import record_refusal
from bot.store.database import Database
from bot.store.idempotency import AlreadyDone, claim_once


class RightsChanges:
    """Writes grants, denies and revocations; the caller has authorized the actor."""

    def __init__(self, *, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def give(
        self, new: NewGrant, facts: AdminFacts, *, trigger_id: str | None = None
    ) -> Grant:
        """Write a grant or a deny, once for each trigger.

        Raises:
            AlreadyDone: the change was made for this trigger before; audited.
            SelfGrantRefused: the actor grants `pii` to themselves; audited.
            LastAdminKept: the deny would leave no admin; audited.
        """
        asked = (new.effect.value, new.subject, new.right)
        by = new.given_by
        async with self._change(*asked, by=by, facts=facts, trigger_id=trigger_id) as session:
            return await add_grant(session, new)

    async def revoke(
        self,
        subject: Subject,
        right: Right,
        *,
        by: str,
        facts: AdminFacts,
        reaches_actor: bool = False,
        trigger_id: str | None = None,
    ) -> int:
        """End every grant and deny of the right for the subject; returns their number.

        Raises:
            AlreadyDone: the change was made for this trigger before; audited.
            NothingToRevoke: no grant or deny is in force; audited.
            OwnDenyKept: with ``reaches_actor`` a deny of `pii` would be lifted; audited.
            LastAdminKept: no admin would be left; audited.
        """
        async with self._change(
            "revoke", subject, right, by=by, facts=facts, trigger_id=trigger_id
        ) as session:
            return await end_grants(
                session, subject, right, by=by, now=self._clock(), reaches_actor=reaches_actor
            )

    @asynccontextmanager
    async def _change(
        self,
        action: str,
        subject: Subject,
        right: Right,
        *,
        by: str,
        facts: AdminFacts,
        trigger_id: str | None,
    ) -> AsyncIterator[AsyncSession]:
        takes_admin = right is Right.ADMIN and action != Effect.GRANT
        try:
            async with self._database.write() as session:
                team_id, now = subject.team_id, self._clock()
                schedule_rights_check(session, team_id, now)
                if takes_admin:
                    async with keep_an_admin(session, team_id, facts, now):
                        await claim_once(session, team_id, trigger_id, now)
                        yield session
                else:
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
                    team_id=subject.team_id,
                    actor_id=by,
                    occurred_at=self._clock(),
                    payload=payload,
                ),
            )
            raise
