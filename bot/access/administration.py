"""What admins do from Slack: give, deny, take back and look up rights."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.access.grants import (
    Effect,
    Grant,
    NewGrant,
    Right,
    Subject,
    add_grant,
    list_grants,
    revoke,
)
from bot.access.named import keep_an_admin
from bot.access.person import People, Person
from bot.access.rights import Rights
from bot.audit.events import AuditEvent, AuditTag
from bot.audit.log import record
from bot.errors import CallAudioError
from bot.store.database import Database


class NotAdmin(CallAudioError):
    """Somebody without the right tried to administer the bot."""

    code = "not_admin"
    what = "Only admins of callaudio can do that."
    fix = "Ask an admin; the first ones are named where the bot runs."


@dataclass(frozen=True, slots=True)
class Actor:
    """The admin who acts."""

    team_id: str
    enterprise_id: str | None
    user_id: str


class Administration:
    """The admins' use cases; each asks first whether the actor is one, at that moment."""

    def __init__(
        self,
        *,
        database: Database,
        rights: Rights,
        clock: Callable[[], datetime],
        first_admins: frozenset[str],
        on_rights_changed: Callable[[str], Awaitable[None]],
    ) -> None:
        self._database = database
        self._rights = rights
        self._clock = clock
        self._first_admins = first_admins
        self._people = People(database=database, rights=rights, clock=clock)
        self._on_rights_changed = on_rights_changed

    async def is_admin(self, actor: Actor) -> bool:
        """Tell whether the actor may administer now."""
        return await self._rights.hold(actor.team_id, Right.ADMIN, actor.user_id)

    async def require_admin(self, actor: Actor, action: str) -> None:
        """Let admins pass; anybody else is refused, and the refusal audited.

        Raises:
            NotAdmin: the actor is none.
        """
        if await self.is_admin(actor):
            return
        async with self._database.write() as session:
            await record(
                session,
                AuditEvent(
                    tag=AuditTag.ADMIN_REFUSED,
                    team_id=actor.team_id,
                    actor_id=actor.user_id,
                    occurred_at=self._clock(),
                    payload={"action": action},
                ),
            )
        raise NotAdmin

    async def give(
        self,
        actor: Actor,
        subject: Subject,
        right: Right,
        effect: Effect,
        *,
        lasting: timedelta | None,
        reason: str,
    ) -> Grant:
        """Write a grant or a deny.

        Raises:
            NotAdmin: the actor is none.
            SelfGrantRefused: nobody gives themselves `pii`.
            LastAdminKept: the deny would leave nobody.
        """
        await self.require_admin(actor, effect.value)
        now = self._clock()
        new = NewGrant(
            subject=subject,
            right=right,
            effect=effect,
            given_by=actor.user_id,
            reason=reason,
            now=now,
            expires_at=now + lasting if lasting else None,
            enterprise_id=actor.enterprise_id,
        )
        async with self._database.write() as session:
            row = await add_grant(session, new)
            await keep_an_admin(session, actor.team_id, self._first_admins, now)
        await self._on_rights_changed(actor.team_id)
        return row

    async def revoke(self, actor: Actor, subject: Subject, right: Right) -> int:
        """End every grant and deny of the right for the subject; gives how many there were.

        Raises:
            NotAdmin: the actor is none.
            NothingToRevoke: none is in force.
            LastAdminKept: nobody would be left.
        """
        await self.require_admin(actor, "revoke")
        now = self._clock()
        async with self._database.write() as session:
            ended = await revoke(session, subject, right, by=actor.user_id, now=now)
            await keep_an_admin(session, actor.team_id, self._first_admins, now)
        await self._on_rights_changed(actor.team_id)
        return ended

    async def list(self, actor: Actor) -> tuple[Grant, ...]:
        """List what is in force in the workspace.

        Raises:
            NotAdmin: the actor is none.
        """
        await self.require_admin(actor, "list")
        async with self._database.read() as session:
            return await list_grants(session, team_id=actor.team_id, now=self._clock(), ended=False)

    async def who(self, actor: Actor, user_id: str) -> Person:
        """Tell what rights a person holds, and which grants and denies make it so.

        Raises:
            NotAdmin: the actor is none.
        """
        await self.require_admin(actor, "who")
        return await self._people.read(actor.team_id, user_id)
