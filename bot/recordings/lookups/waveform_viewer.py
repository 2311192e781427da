"""The use case of *Waveform*: the picture of a recording, for people who may see it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from bot.access.administration import Actor
from bot.access.policy import Outcome, Reason
from bot.access.policy_evaluation import PolicyEvaluator, Question
from bot.audit.events import AuditTag
from bot.concurrency.urgency import Urgency, working
from bot.errors import CallAudioError, TooManyLookups, UsageError
from bot.recordings.audio.spans import SpanSummary
from bot.recordings.deliveries.delivery import Delivery, State
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.lookups.lookup_limit import LookupLimit
from bot.recordings.requests.authorization import WorkspaceMembership

ELSEWHERE: Final = "elsewhere"
"""The cause of a refusal: the button belongs to another conversation."""
MADE_UP: Final = "made_up"
"""The cause of a refusal: there is no such recording."""

PUBLIC: Final = "public"
"""The cause of a refusal: everybody in the workspace could see it."""

WHY: Final = MappingProxyType(
    {
        Reason.REQUESTER_NOT_ALLOWED.value: (
            "Only members of this workspace may see it, and guests with a grant of their own."
        ),
        Reason.REQUESTER_NOT_IN_DESTINATION.value: (
            "You are not in this conversation, or Slack did not confirm that you are."
        ),
        Reason.EXTERNAL_DESTINATION.value: (
            "This channel is shared with another organisation, is about to be, or Slack did not "
            "confirm that it is not."
        ),
        Reason.NOT_CLEARED.value: "You are not cleared to hear unredacted recordings.",
        Reason.AUDIENCE.value: (
            "Not everyone here is known to be cleared to hear unredacted recordings."
        ),
        PUBLIC: "This is a public channel, and everybody in the workspace can open it.",
        ELSEWHERE: "It belongs to another conversation.",
    }
)


SHOWN: Final = (State.DELIVERED, State.UNCONFIRMED)
"""States in which the picture may be visible, so that Slack is asked."""


class WaveformRefused(UsageError):
    """The person may not hear the recording of the picture."""

    code = "waveform_refused"
    what = "I cannot show you this waveform."
    fix = "Ask for the recording yourself with `/callaudio`."


class WaveformGone(CallAudioError):
    """The recording and its picture were deleted."""

    code = "waveform_gone"
    what = "This waveform is no longer available."
    likely_cause = "The recording was taken back or deleted, together with its picture."
    fix = "Ask for the recording again with `/callaudio`."


class WaveformNotReady(CallAudioError):
    """Slack does not show the picture yet."""

    code = "waveform_not_ready"
    what = "Slack does not show this waveform."
    likely_cause = "It is still being prepared, or somebody deleted it."
    fix = "Close this and try again in a minute."
    retryable = True


@dataclass(frozen=True, slots=True)
class WaveformShown:
    """The content of the modal."""

    conversation_id: str
    outcome: str
    picture_file_id: str
    length_seconds: float | None
    muted: SpanSummary | None


class WaveformViewer:
    """Returns pictures, with a new decision for each press."""

    def __init__(
        self,
        *,
        deliveries: DeliveryStore,
        membership: WorkspaceMembership,
        evaluator: PolicyEvaluator,
        find_share: Callable[[str, str], Awaitable[str | None]],
        lookup_limit: LookupLimit,
    ) -> None:
        self._deliveries = deliveries
        self._membership = membership
        self._evaluator = evaluator
        self._find_share = find_share
        self._lookup_limit = lookup_limit

    async def waveform(self, actor: Actor, channel_id: str, delivery_id: str) -> WaveformShown:
        """Return the picture, if the person may hear the recording in this conversation now.

        Each press is audited, with the cause of a refusal.

        Raises:
            WaveformRefused: the person may not hear it.
            WaveformGone: it was deleted, or never existed.
            WaveformNotReady: Slack does not show it.
            TooManyLookups: nothing was looked up.
        """
        delivery = await self._find(actor, delivery_id)
        try:
            self._lookup_limit.count(actor.user_id)
            with working(Urgency.LOOKUP):
                refusal = await self._refusal(actor, channel_id, delivery)
        except TooManyLookups as too_many:
            raise await self._refused(actor, delivery, too_many.code, too_many) from None
        if refusal:
            error = WaveformRefused(likely_cause=WHY.get(refusal, ""))
            raise await self._refused(actor, delivery, refusal, error)
        picture_id = delivery.picture_file_id
        if picture_id is None or delivery.taken_back_at or delivery.state not in SHOWN:
            raise await self._refused(actor, delivery, WaveformGone.code, WaveformGone())
        if await self._find_share(picture_id, channel_id) is None:
            raise await self._refused(actor, delivery, WaveformNotReady.code, WaveformNotReady())
        await self._note(AuditTag.WAVEFORM_SHOWN, actor, delivery, outcome=str(delivery.outcome))
        return WaveformShown(
            conversation_id=delivery.conversation_id,
            outcome=str(delivery.outcome),
            picture_file_id=picture_id,
            length_seconds=delivery.length_seconds,
            muted=delivery.muted,
        )

    async def _find(self, actor: Actor, delivery_id: str) -> Delivery:
        try:
            return await self._deliveries.read(delivery_id)
        except LookupError:
            tag, payload = AuditTag.WAVEFORM_REFUSED, {"reason": MADE_UP}
            await self._membership.note(tag, actor, payload)
            raise WaveformGone from None

    async def _refusal(self, actor: Actor, channel_id: str, delivery: Delivery) -> str | None:
        if delivery.channel_id != channel_id:
            return ELSEWHERE
        if delivery.team_id != actor.team_id:
            return Reason.REQUESTER_NOT_ALLOWED.value
        evaluation = await self._evaluator.evaluate(
            Question(
                team_id=delivery.team_id,
                user_id=actor.user_id,
                channel_id=channel_id,
                asked_redacted=not delivery.is_raw,
                has_raw_key=True,  # nothing is fetched
            )
        )
        wanted = Outcome.RAW if delivery.is_raw else Outcome.REDACTED
        decision = evaluation.decision
        if decision.outcome is wanted:
            return None
        is_public = evaluation.facts.destination_is_private is False
        return PUBLIC if is_public and decision.reason is Reason.AUDIENCE else decision.reason.value

    async def _refused(
        self, actor: Actor, delivery: Delivery, reason: str, error: CallAudioError
    ) -> CallAudioError:
        """Audit a refused press; returns the error to raise."""
        await self._note(AuditTag.WAVEFORM_REFUSED, actor, delivery, reason=reason)
        return error

    async def _note(self, tag: AuditTag, actor: Actor, delivery: Delivery, **payload: str) -> None:
        payload = {"conversation_id": delivery.conversation_id, **payload}
        await self._deliveries.note(delivery, tag=tag, actor_id=actor.user_id, payload=payload)
