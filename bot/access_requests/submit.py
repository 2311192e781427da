"""Use cases of a requester: open the form, and send a request to hear raw for some hours.

Both check who may request access, and for which recording; a refusal is audited.
"""

from dataclasses import dataclass
from typing import Final

from bot.access.administration import Actor
from bot.access.clearance import Clearances
from bot.access.policy import Outcome, Reason
from bot.access_requests.request import NewAccessRequest
from bot.access_requests.reviewers import Reviewers
from bot.access_requests.store import AccessRequests, StoredAccessRequest
from bot.audit.events import AuditTag
from bot.errors import CallAudioError, UsageError
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.requests.authorization import WorkspaceMembership
from bot.store.idempotency import hashed
from bot.text.characters import without_control

LONGEST_REASON: Final = 300
USUAL_HOURS: Final = (1, 4, 8, 24, 72, 168)
NOT_CLEARED: Final = (Outcome.REDACTED.value, Reason.NOT_CLEARED.value)
"""The decision on a delivery that was redacted only because the requester is not cleared."""


class NothingToAskFor(UsageError):
    """The recording was not delivered redacted because this person is not cleared."""

    code = "nothing_to_ask_for"
    what = "That button belongs to another person's request, or to one that needs no access."
    fix = "Request the recording yourself with `/callaudio`."


class RequesterNotEligible(UsageError):
    """No grant would count for this person."""

    code = "requester_not_eligible"
    what = (
        "Only members of this workspace, and guests with a grant of their own, can request access."
    )
    likely_cause = "You are a guest now, or Slack does not confirm that you are a member."
    fix = "Ask an admin of callaudio for a grant of your own."


class NobodyToAsk(UsageError):
    """No admin could decide."""

    code = "nobody_to_ask"
    what = "No admin can decide on your request."
    fix = "Ask the callaudio operator to name one in `CALLAUDIO_ADMINS`."


class ReasonUnusable(UsageError):
    """The reason is empty or too long."""

    code = "reason_unusable"
    what = f"A reason has 1 to {LONGEST_REASON} characters."
    fix = "Write in one sentence why you need the recordings."


class HoursUnusable(UsageError):
    """The duration was not offered."""

    code = "hours_unusable"
    what = "That duration is not offered."
    fix = "Open the form again and choose one of its durations."


@dataclass(frozen=True, slots=True)
class Offer:
    """What a person may request."""

    delivery_id: str
    conversation_id: str
    hours: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AccessWanted:
    """What a person requests; the same ``submission_id`` again is the same request."""

    delivery_id: str
    reason: str
    hours: int
    submission_id: str


class AccessRequestSubmission:
    """Offers the form and stores its submission."""

    def __init__(
        self,
        *,
        requests: AccessRequests,
        deliveries: DeliveryStore,
        membership: WorkspaceMembership,
        clearances: Clearances,
        reviewers: Reviewers,
        max_hours: int,
    ) -> None:
        self._requests = requests
        self._deliveries = deliveries
        self._membership = membership
        self._clearances = clearances
        self._reviewers = reviewers
        self._hours = choices(max_hours)

    async def offer(self, actor: Actor, delivery_id: str) -> Offer:
        """Return what the person may request, before the form opens.

        Raises:
            NothingToAskFor: the recording is not theirs, or needs no access; audited.
            RequesterNotEligible: no grant would count for them; audited.
            NobodyToAsk: no admin could decide; audited.
        """
        conversation_id = await self._check(actor, delivery_id)
        reviewers = self._reviewers.people(actor.team_id, actor.user_id)
        if not self._reviewers.channel_id and await anext(reviewers, None) is None:
            raise await self._refused(actor, delivery_id, NobodyToAsk())
        return Offer(delivery_id, conversation_id, self._hours)

    async def ask(self, actor: Actor, wanted: AccessWanted) -> StoredAccessRequest:
        """Store the request, or join the pending one; a worker notifies the admins.

        Raises:
            ReasonUnusable: the reason is empty or too long.
            HoursUnusable: the duration was not offered.
            NothingToAskFor: the recording is not theirs, or needs no access; audited.
            RequesterNotEligible: no grant would count for them; audited.
        """
        # One line, as the lists of grants show it.
        reason = " ".join(without_control(wanted.reason).split())
        if not 1 <= len(reason) <= LONGEST_REASON:
            raise ReasonUnusable
        if wanted.hours not in self._hours:
            raise HoursUnusable
        conversation_id = await self._check(actor, wanted.delivery_id)
        return await self._requests.store(
            NewAccessRequest(
                # Derived, so that the same submission again is the same request.
                id="a" + hashed(actor.team_id, wanted.submission_id)[:20],
                team_id=actor.team_id,
                enterprise_id=actor.enterprise_id,
                user_id=actor.user_id,
                delivery_id=wanted.delivery_id,
                conversation_id=conversation_id,
                reason=reason,
                hours=wanted.hours,
            )
        )

    async def _check(self, actor: Actor, delivery_id: str) -> str:
        """Find the call of a recording that was redacted because this person is not cleared.

        Raises:
            NothingToAskFor: there is no such delivery of this person; audited.
            RequesterNotEligible: neither a member nor a guest with a grant by name; audited.
            CallAudioError: Slack did not return their standing.
        """
        try:
            delivery = await self._deliveries.read(delivery_id)
        except LookupError:  # pruned or forged; the id may be any text, so it is not stored
            gone = NothingToAskFor(
                what="I no longer have the request that this button belongs to.",
                likely_cause="It ended long ago, and I forget requests after a while.",
            )
            raise await self._refused(actor, None, gone) from None
        asked_by = (delivery.team_id, delivery.user_id)
        decided = (delivery.outcome, delivery.reason)
        if asked_by != (actor.team_id, actor.user_id) or decided != NOT_CLEARED:
            raise await self._refused(actor, delivery.id, NothingToAskFor())
        requester = await self._clearances.of_requester(actor.team_id, actor.user_id)
        if not requester.may_use:
            raise await self._refused(actor, delivery.id, RequesterNotEligible())
        return delivery.conversation_id

    async def _refused(
        self, actor: Actor, delivery_id: str | None, error: CallAudioError
    ) -> CallAudioError:
        """Audit a refused request in the bot's workspace; returns the error to raise."""
        payload = {"button": "request_access", "code": error.code, "actor_team_id": actor.team_id}
        tag = AuditTag.BUTTON_REFUSED
        await self._membership.note(tag, actor, payload, delivery_id=delivery_id)
        return error


def choices(max_hours: int) -> tuple[int, ...]:
    """List the usual durations up to the longest allowed, and the longest itself."""
    return (*(each for each in USUAL_HOURS if each < max_hours), max_hours)
