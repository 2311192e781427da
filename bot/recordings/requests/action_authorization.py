"""Authorizes the press of a button on a card; a refusal is audited."""

from bot.audit.events import AuditTag
from bot.errors import CallAudioError
from bot.recordings.deliveries.delivery import Delivery
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.requests.requester import NotYours, Outsider, Requester
from bot.recordings.requests.workspace_membership import WorkspaceMembership


class ActionAuthorization:
    """Finds the delivery behind a button; every refusal is audited in the bot's workspace."""

    def __init__(self, deliveries: DeliveryStore, membership: WorkspaceMembership) -> None:
        self._deliveries = deliveries
        self._membership = membership

    async def of_requester(self, requester: Requester, delivery_id: str, button: str) -> Delivery:
        """Find the delivery for its requester.

        Raises:
            NotYours: somebody else requested it, or there is no such delivery.
        """
        delivery = await self._find(requester, delivery_id, button)
        if (delivery.user_id, delivery.team_id) != (
            requester.actor.user_id,
            requester.actor.team_id,
        ):
            raise await self.refused(requester, delivery, button, NotYours())
        return delivery

    async def of_anybody_there(
        self, requester: Requester, delivery_id: str, button: str
    ) -> Delivery:
        """Find the delivery for a person of its workspace, in its destination.

        Raises:
            NotYours: there is no such delivery.
            Outsider: the person is of another workspace, or in another conversation.
        """
        delivery = await self._find(requester, delivery_id, button)
        if (delivery.channel_id, delivery.team_id) != (
            requester.channel_id,
            requester.actor.team_id,
        ):
            raise await self.refused(requester, delivery, button, Outsider())
        return delivery

    async def refused(
        self, requester: Requester, delivery: Delivery, button: str, error: CallAudioError
    ) -> CallAudioError:
        """Audit a refused press; returns the error to raise."""
        payload = {"button": button, "code": error.code, "actor_team_id": requester.actor.team_id}
        tag, actor_id = AuditTag.BUTTON_REFUSED, requester.actor.user_id
        await self._deliveries.note(delivery, tag, payload, actor_id=actor_id)
        return error

    async def _find(self, requester: Requester, delivery_id: str, button: str) -> Delivery:
        try:
            return await self._deliveries.read(delivery_id)
        except LookupError:
            # Forged: no button of the bot sends this id. It may be any text, so it is not stored.
            payload = {"button": button, "code": NotYours.code}
            await self._membership.note(
                AuditTag.BUTTON_REFUSED, requester.actor.user_id, requester.actor.team_id, payload
            )
            raise NotYours from None
