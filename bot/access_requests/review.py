"""Use cases of an admin: approve or deny a request for access."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.access.administration import Actor, Administration, NotAdmin
from bot.access.clearance import Clearances
from bot.access.grants import Effect, NewGrant, Right, Subject, SubjectKind, add_grant
from bot.access.rights import Rights
from bot.access_requests.request import AccessRequest, AccessState, event_of, request_of
from bot.access_requests.store import AccessRequests, close
from bot.audit.events import AuditEvent, AuditTag
from bot.audit.log import record, record_refusal
from bot.errors import CallAudioError, UsageError
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue


class RequestUnknown(UsageError):
    """No request has that id."""

    code = "request_unknown"
    what = "That request does not exist any more."
    likely_cause = "It belongs to another installation of callaudio, or has been removed."
    fix = "The person can request access again."


class OwnRequest(UsageError):
    """An admin tried to decide on their own request."""

    code = "own_request"
    what = "Nobody can decide on their own request."
    fix = "Ask another admin."


class RequesterDenied(UsageError):
    """A deny is in force, so an approval would have no effect."""

    code = "requester_denied"
    what = "That person is denied unredacted recordings, and a deny beats every grant."
    likely_cause = "An admin denied it, or a denied group cannot be read at the moment."
    fix = "Revoke the deny with `/callaudio-admin revoke` first, or deny the request."


class RequesterNotMember(UsageError):
    """The requester is no member any more, so only a grant that an admin types may reach them."""

    code = "requester_not_member"
    what = "That person is no longer a member of this workspace."
    likely_cause = "They are a guest or an external person now, or their account is deactivated."
    fix = "Deny the request. For a guest, type `/callaudio-admin grant`."


class AlreadyDecided(UsageError):
    """Another admin decided first, or the request has expired."""

    code = "already_decided"
    fix = "There is nothing left to do; the person can request access again."


class AccessRequestReview:
    """Lets admins approve and deny; concurrent presses decide a request once."""

    def __init__(
        self,
        *,
        database: Database,
        requests: AccessRequests,
        rights: Rights,
        clearances: Clearances,
        administration: Administration,
        clock: Callable[[], datetime],
        on_decided: Callable[[str], Awaitable[None]],
    ) -> None:
        self._database = database
        self._requests = requests
        self._rights = rights
        self._clearances = clearances
        self._administration = administration
        self._clock = clock
        self._on_decided = on_decided

    async def approve(self, actor: Actor, request_id: str) -> AccessRequest:
        """Grant the requested right; the hours begin now.

        Raises:
            RequestUnknown: there is no request of that id; audited, as each of these.
            NotAdmin: the actor may not decide.
            OwnRequest: the actor is the requester.
            RequesterDenied: a deny is in force for the requester.
            RequesterNotMember: the requester was a member, and is a guest or left since.
            CallAudioError: Slack did not return the requester's standing.
            AlreadyDecided: the request is not pending.
        """
        request = await self._admitted(actor, request_id, "approve")
        if await self._rights.is_denied(request.team_id, request.user_id):
            raise await self._refused(actor, request, "approve", RequesterDenied())
        # The grant is by name, and would clear a guest who was a member when they asked.
        requester = await self._clearances.of_requester(request.team_id, request.user_id)
        if not requester.may_use:
            raise await self._refused(actor, request, "approve", RequesterNotMember())
        return await self._decide(actor, request, "approve")

    async def deny(self, actor: Actor, request_id: str) -> AccessRequest:
        """Deny the request; the requester may ask again.

        Raises:
            RequestUnknown: there is no request of that id; audited, as each of these.
            NotAdmin: the actor may not decide.
            OwnRequest: the actor is the requester.
            AlreadyDecided: the request is not pending.
        """
        request = await self._admitted(actor, request_id, "deny")
        denied = await self._decide(actor, request, "deny")
        await self._on_decided(request.team_id)
        return denied

    async def _decide(self, actor: Actor, request: AccessRequest, action: str) -> AccessRequest:
        approves = action == "approve"
        state = AccessState.APPROVED if approves else AccessState.DENIED
        tag = AuditTag.ACCESS_APPROVED if approves else AuditTag.ACCESS_DENIED
        now = self._clock()
        async with self._database.write() as session:
            row = await close(session, request.id, state, by=actor.user_id, now=now)
            if row is None:
                await record(session, self._refusal(actor, request, action, AlreadyDecided.code))
            else:
                if approves:
                    row.grant_id = (await add_grant(session, _grant_for(request, actor, now))).id
                    enqueue(session, DueWorkKind.RECHECK_RIGHTS, request.team_id, now=now)
                await record(session, event_of(tag, row, actor.user_id, now))
        if row is None:
            raise await self._too_late(request)
        return request_of(row)

    async def _admitted(self, actor: Actor, request_id: str, action: str) -> AccessRequest:
        try:
            request = await self._requests.read(request_id)
        except LookupError:
            # Pruned or forged. The id may be any text, so it is not stored.
            await record_refusal(
                self._database,
                AuditEvent(
                    tag=AuditTag.BUTTON_REFUSED,
                    team_id=actor.team_id,
                    actor_id=actor.user_id,
                    occurred_at=self._clock(),
                    payload={"button": f"{action}_access", "code": RequestUnknown.code},
                ),
            )
            raise RequestUnknown from None
        # The message may be in a shared channel, so the actor may be of another workspace.
        is_same_team = actor.team_id == request.team_id
        if not is_same_team or not await self._administration.is_admin(actor):
            raise await self._refused(actor, request, action, NotAdmin())
        if actor.user_id == request.user_id:
            raise await self._refused(actor, request, action, OwnRequest())
        return request

    async def _refused(
        self, actor: Actor, request: AccessRequest, action: str, error: CallAudioError
    ) -> CallAudioError:
        """Audit a refusal; returns the error to raise."""
        await record_refusal(self._database, self._refusal(actor, request, action, error.code))
        return error

    def _refusal(self, actor: Actor, request: AccessRequest, action: str, code: str) -> AuditEvent:
        return AuditEvent(
            tag=AuditTag.ADMIN_REFUSED,
            team_id=request.team_id,  # the requester's, which may not be the actor's
            actor_id=actor.user_id,
            occurred_at=self._clock(),
            delivery_id=request.delivery_id,
            payload={"action": f"{action}_access", "code": code, "request_id": request.id},
        )

    async def _too_late(self, request: AccessRequest) -> AlreadyDecided:
        found = await self._requests.read(request.id)
        if found.decided_by is None:
            return AlreadyDecided(what="That request has expired: nobody decided in time.")
        return AlreadyDecided(what=f"<@{found.decided_by}> has already {found.state} that request.")


def _grant_for(request: AccessRequest, actor: Actor, now: datetime) -> NewGrant:
    return NewGrant(
        subject=Subject(request.team_id, SubjectKind.USER, request.user_id),
        right=Right.PII,
        effect=Effect.GRANT,
        given_by=actor.user_id,
        reason=request.reason,
        now=now,
        expires_at=now + timedelta(hours=request.hours),
        enterprise_id=request.enterprise_id,
    )
