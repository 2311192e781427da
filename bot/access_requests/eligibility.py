"""Checks who may request access, and for which recording; a refusal is audited."""

from typing import Final

from bot.access.administration import Actor
from bot.access.clearance import Clearances
from bot.access.policy import Outcome, Reason
from bot.audit.events import AuditTag
from bot.errors import CallAudioError, UsageError
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.requests.authorization import WorkspaceMembership

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


class Eligibility:
    """Checks the requester when the form opens, and again when it is sent."""

    def __init__(
        self, *, deliveries: DeliveryStore, membership: WorkspaceMembership, clearances: Clearances
    ) -> None:
        self._deliveries = deliveries
        self._membership = membership
        self._clearances = clearances

    async def check(self, actor: Actor, delivery_id: str) -> str:
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
            raise await self.refused(actor, None, gone) from None
        asked_by = (delivery.team_id, delivery.user_id)
        decided = (delivery.outcome, delivery.reason)
        if asked_by != (actor.team_id, actor.user_id) or decided != NOT_CLEARED:
            raise await self.refused(actor, delivery.id, NothingToAskFor())
        requester = await self._clearances.of_requester(actor.team_id, actor.user_id)
        if not requester.may_use:
            raise await self.refused(actor, delivery.id, RequesterNotEligible())
        return delivery.conversation_id

    async def refused(
        self, actor: Actor, delivery_id: str | None, error: CallAudioError
    ) -> CallAudioError:
        """Audit a refused request in the bot's workspace; returns the error to raise."""
        payload = {"button": "request_access", "code": error.code, "actor_team_id": actor.team_id}
        tag = AuditTag.BUTTON_REFUSED
        await self._membership.note(
            tag, actor.user_id, actor.team_id, payload, delivery_id=delivery_id
        )
        return error
