"""Use cases of a requester: open the form, and send a request to hear raw for some hours."""

from dataclasses import dataclass
from typing import Final

from bot.access.administration import Actor
from bot.access_requests.eligibility import Eligibility
from bot.access_requests.request import NewAccessRequest
from bot.access_requests.reviewers import Reviewers
from bot.access_requests.store import AccessRequests, StoredAccessRequest
from bot.errors import UsageError
from bot.store.idempotency import hashed
from bot.text.characters import without_control

LONGEST_REASON: Final = 300
USUAL_HOURS: Final = (1, 4, 8, 24, 72, 168)


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
        eligibility: Eligibility,
        reviewers: Reviewers,
        max_hours: int,
    ) -> None:
        self._eligibility = eligibility
        self._requests = requests
        self._reviewers = reviewers
        self._hours = choices(max_hours)

    async def offer(self, actor: Actor, delivery_id: str) -> Offer:
        """Return what the person may request, before the form opens.

        Raises:
            NothingToAskFor: the recording is not theirs, or needs no access; audited.
            RequesterNotEligible: no grant would count for them; audited.
            NobodyToAsk: no admin could decide; audited.
        """
        conversation_id = await self._eligibility.check(actor, delivery_id)
        reviewers = self._reviewers.people(actor.team_id, actor.user_id)
        if not self._reviewers.channel_id and await anext(reviewers, None) is None:
            raise await self._eligibility.refused(actor, delivery_id, NobodyToAsk())
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
        conversation_id = await self._eligibility.check(actor, wanted.delivery_id)
        return await self._requests.store(
            NewAccessRequest(
                id=request_id_of(actor.team_id, wanted.submission_id),
                team_id=actor.team_id,
                enterprise_id=actor.enterprise_id,
                user_id=actor.user_id,
                delivery_id=wanted.delivery_id,
                conversation_id=conversation_id,
                reason=reason,
                hours=wanted.hours,
            )
        )


def choices(max_hours: int) -> tuple[int, ...]:
    """List the usual durations up to the longest allowed, and the longest itself."""
    return (*(each for each in USUAL_HOURS if each < max_hours), max_hours)


def request_id_of(team_id: str, submission_id: str) -> str:
    """Derive the id of a request from its submission."""
    return "a" + hashed(team_id, submission_id)[:20]
