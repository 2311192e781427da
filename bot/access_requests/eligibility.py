"""Checks who may request access, and for which recording; a refusal is audited."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from bot.access.administration import Actor
from bot.access.clearance import Clearances
from bot.access.policy import Outcome, Reason
from bot.audit.events import AuditEvent, AuditTag
from bot.audit.log import record_refusal
from bot.errors import CallAudioError, UsageError
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.store.database import Database

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
        self,
        *,
        database: Database,
        deliveries: DeliveryStore,
        clearances: Clearances,
        home_team: Callable[[], Awaitable[str]],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._deliveries = deliveries
        self._clearances = clearances
        self._home_team = home_team
        self._clock = clock

    async def check(self, actor: Actor, delivery_id: str) -> str:
        """Find the call of a recording that was redacted because this person is not cleared.

        Raises:
            NothingToAskFor: there is no such delivery of this person; audited.
            RequesterNotEligible: neither a member nor a guest with a grant by name; audited.
            CallAudioError: Slack did not return their standing.
        """
        try:
            delivery = await self._deliveries.read(delivery_id)
        except LookupError:  # the id is forged: no button contains it
            raise await self.refused(actor, None, NothingToAskFor()) from None
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
        payload = {
            "button": "request_access",
            "code": error.code,
            "actor_team_id": actor.team_id,
        }
        event = AuditEvent(
            tag=AuditTag.BUTTON_REFUSED,
            team_id=await self._home_team(),
            actor_id=actor.user_id,
            occurred_at=self._clock(),
            delivery_id=delivery_id,
            payload=payload,
        )
        await record_refusal(self._database, event)
        return error
