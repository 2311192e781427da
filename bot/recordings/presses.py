"""Buttons on what others can see: who may press them, and what becomes of those who may not."""

from bot.audit.events import AuditTag
from bot.errors import CallAudioError
from bot.recordings.asker import Asker, NotYours, Outsider
from bot.recordings.insiders import Insiders
from bot.recordings.record import Delivery, DeliveryLog


class Presses:
    """Finds the delivery behind a button; every refusal is audited in the bot's workspace."""

    def __init__(self, deliveries: DeliveryLog, insiders: Insiders) -> None:
        self._deliveries = deliveries
        self._insiders = insiders

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
        self, asker: Asker, delivery: Delivery, button: str, error: CallAudioError
    ) -> CallAudioError:
        """Audit a refused press; gives the error to raise."""
        told = {"button": button, "code": error.code, "actor_team_id": asker.team_id}
        tag, actor_id = AuditTag.BUTTON_REFUSED, asker.user_id
        await self._deliveries.note(delivery, tag, told, actor_id=actor_id)
        return error

    async def _find(self, asker: Asker, delivery_id: str, button: str) -> Delivery:
        try:
            return await self._deliveries.read(delivery_id)
        except LookupError:
            # Made up: no button of ours sends it. The name is anybody's words, and is not kept.
            told = {"button": button, "code": NotYours.code}
            await self._insiders.note(AuditTag.BUTTON_REFUSED, asker.user_id, asker.team_id, told)
            raise NotYours from None
