"""What admins do from Slack: grant, deny, revoke and list rights."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.access.changing import AdminFacts, RightsChanges
from bot.access.clearance import Clearances
from bot.access.grant_pages import GrantPage, oldest_in_force
from bot.access.grants import Effect, Grant, NewGrant, Right, Subject, SubjectKind
from bot.access.grants_in_force import granted_admins, read_grants_in_force
from bot.access.person import People, Person
from bot.access.rights import Rights
from bot.audit.events import AuditEvent, AuditTag
from bot.audit.log import record_refusal
from bot.errors import CallAudioError
from bot.store.database import Database


class NotAdmin(CallAudioError):
    """Somebody without the right tried to administer the bot."""

    code = "not_admin"
    what = "Only admins of callaudio can do that."
    likely_cause = "You are not an admin of callaudio."
    fix = "Ask an admin; `CALLAUDIO_ADMINS` names the first ones."


@dataclass(frozen=True, slots=True)
class Actor:
    """A person who acts. The same ``trigger_id`` again is the same request.

    ``sent_at`` is when Slack sent the request, if known: the process may have stalled before it
    read the request.
    """

    team_id: str
    enterprise_id: str | None
    user_id: str
    trigger_id: str | None = None
    sent_at: datetime | None = None


class Administration:
    """The admins' use cases; each first checks that the actor is an admin now."""

    def __init__(
        self,
        *,
        database: Database,
        rights: Rights,
        clearances: Clearances,
        people: People,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._rights = rights
        self._clock = clock
        self._changes = RightsChanges(
            database=database, clock=clock, read_admin_facts=self._admin_facts
        )
        self._clearances = clearances
        self._people = people

    async def is_admin(self, actor: Actor) -> bool:
        """Return whether the actor is an admin now.

        Raises:
            CallAudioError: Slack did not return the standing of an actor who holds the right.
        """
        return await self._clearances.is_admin(actor.team_id, actor.user_id)

    async def require_admin(self, actor: Actor, action: str) -> None:
        """Refuse everybody who is not an admin, and audit the refusal.

        Raises:
            NotAdmin: the actor is not an admin.
        """
        if not await self.is_admin(actor):
            raise await self.refused(actor, action, NotAdmin())

    async def refused(self, actor: Actor, action: str, error: CallAudioError) -> CallAudioError:
        """Audit a refused action; returns the error to raise."""
        await record_refusal(
            self._database,
            AuditEvent(
                tag=AuditTag.ADMIN_REFUSED,
                team_id=actor.team_id,
                actor_id=actor.user_id,
                occurred_at=self._clock(),
                payload={"action": action, "code": error.code},
            ),
        )
        return error

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
            NotAdmin: the actor is not an admin; audited, as each of these.
            AlreadyDone: the change was made for this trigger before.
            SelfGrantRefused: an actor grants `pii` to themselves.
            LastAdminKept: the deny would leave no admin.
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
        return await self._changes.give(new, trigger_id=actor.trigger_id)

    async def revoke(self, actor: Actor, subject: Subject, right: Right) -> int:
        """End every grant and deny of the right for the subject; returns their number.

        Raises:
            NotAdmin: the actor is not an admin; audited, as each of these.
            AlreadyDone: the change was made for this trigger before.
            NothingToRevoke: no grant or deny is in force.
            OwnDenyKept: the actor would lift a deny of `pii` that holds for them.
            LastAdminKept: no admin would be left.
        """
        await self.require_admin(actor, "revoke")
        return await self._changes.revoke(
            subject,
            right,
            by=actor.user_id,
            reaches_actor=right is Right.PII and await self._reaches(actor, subject),
            trigger_id=actor.trigger_id,
        )

    async def list(self, actor: Actor, limit: int) -> GrantPage:
        """List the oldest grants and denies in force in the workspace.

        Raises:
            NotAdmin: the actor is not an admin.
        """
        await self.require_admin(actor, "list")
        async with self._database.read() as session:
            page = await oldest_in_force(session, actor.team_id, self._clock(), limit)
        return replace(page, first_admins=tuple(sorted(self._rights.first_admins)))

    async def who(self, actor: Actor, user_id: str) -> Person:
        """Read the rights of a person, and the grants and denies behind them.

        Raises:
            NotAdmin: the actor is not an admin.
        """
        await self.require_admin(actor, "who")
        return await self._people.read_or_unknown(actor.team_id, user_id)

    async def _admin_facts(self, subject: Subject) -> AdminFacts:
        team_id, now = subject.team_id, self._clock()
        async with self._database.read() as session:
            granted = await granted_admins(session, team_id, now)
            named = await read_grants_in_force(session, team_id, Right.ADMIN, (), now)
        added = {subject.id} if subject.kind is SubjectKind.GROUP else set[str]()
        groups = sorted(named.denied_groups | added)
        members = {each: await self._rights.members(team_id, each) for each in groups}
        everyone = self._rights.first_admins | {user_id for user_id, _ in granted}
        standings = await self._clearances.by_name(team_id, everyone)
        return AdminFacts(self._rights.first_admins, members, standings)

    async def _reaches(self, actor: Actor, subject: Subject) -> bool:
        """Return whether the subject is the actor, or a group that may contain them."""
        if subject.kind is SubjectKind.USER:
            return subject.id == actor.user_id
        members = await self._rights.members(subject.team_id, subject.id)
        return members is None or actor.user_id in members
