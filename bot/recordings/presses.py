"""Buttons on what others can see: who may press them, and what becomes of those who may not."""

from dataclasses import dataclass

from pydantic import SecretStr

from bot.audit.events import AuditTag
from bot.errors import CallAudioError, UsageError
from bot.recordings.record import Delivery, DeliveryLog


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, from where, and how to answer them privately."""

    team_id: str
    enterprise_id: str | None
    user_id: str
    channel_id: str
    trigger_id: str
    response_url: SecretStr | None


class NotYours(UsageError):
    """A button was pressed by somebody it was not drawn for."""

    code = "not_yours"
    what = "That button belongs to somebody else's request."
    likely_cause = (
        "It was drawn for the person who asked, and you are somebody else; or it is very old."
    )
    fix = "Ask for the recording yourself with `/callaudio`."


class Outsider(UsageError):
    """A button was pressed from another workspace, or away from where it was drawn."""

    code = "outsider"
    what = "That button is for the people of the workspace and the conversation it was drawn in."
    likely_cause = "You belong to another organisation, or the conversation has changed since."
    fix = "Somebody of the workspace can ask for the recording with `/callaudio`."


class Presses:
    """Finds the delivery behind a button; every refusal is audited, where the delivery is."""

    def __init__(self, deliveries: DeliveryLog) -> None:
        self._deliveries = deliveries

    async def of_requester(self, asker: Asker, delivery_id: str, button: str) -> Delivery:
        """Find the delivery for the person it was asked for by.

        Raises:
            NotYours: it was not theirs, or there is no such delivery.
        """
        delivery = await self._find(asker, delivery_id, button)
        if (delivery.user_id, delivery.team_id) != (asker.user_id, asker.team_id):
            raise await self.refused(asker, delivery, button, NotYours())
        return delivery

    async def of_anybody_there(self, asker: Asker, delivery_id: str, button: str) -> Delivery:
        """Find the delivery for somebody of its workspace, in the conversation it went to.

        Raises:
            NotYours: there is no such delivery.
            Outsider: they are not of that workspace, or it went elsewhere.
        """
        delivery = await self._find(asker, delivery_id, button)
        if (delivery.channel_id, delivery.team_id) != (asker.channel_id, asker.team_id):
            raise await self.refused(asker, delivery, button, Outsider())
        return delivery

    async def refused(
        self, asker: Asker, delivery: Delivery | None, button: str, error: CallAudioError
    ) -> CallAudioError:
        """Audit a refused press, also one for no delivery at all; gives the error to raise."""
        told = {"button": button, "code": error.code, "actor_team_id": asker.team_id}
        tag, actor_id = AuditTag.BUTTON_REFUSED, asker.user_id
        if delivery:
            await self._deliveries.note(delivery, tag, told, actor_id=actor_id)
        else:
            await self._deliveries.note_unknown(asker.team_id, tag, told, actor_id=actor_id)
        return error

    async def _find(self, asker: Asker, delivery_id: str, button: str) -> Delivery:
        try:
            return await self._deliveries.read(delivery_id)
        except LookupError:
            # Made up: no button of ours sends it.
            raise await self.refused(asker, None, button, NotYours()) from None
