"""Requests to delete a delivered file early."""

from bot.access.administration import Administration
from bot.errors import CallAudioError, UsageError
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.requests.authorization import (
    ActionAuthorization,
    Requester,
    WorkspaceMembership,
)
from bot.recordings.take_back.take_back_store import TakeBackStore


class DeletionRefused(CallAudioError):
    """The person neither requested the file nor is an admin."""

    code = "deletion_refused"
    what = "Only the person who requested it, or an admin of callaudio, can delete it."
    likely_cause = "Another person requested it, and you are not an admin of callaudio."
    fix = "Ask the person named on the message, or an admin."


class NothingToDelete(UsageError):
    """The file is already deleted, or never existed."""

    code = "nothing_to_delete"
    what = "There is nothing to delete any more."
    likely_cause = "It was deleted a moment ago, or taken back."
    fix = "Check the message; if it still shows the file, press *Delete* again."


class DeletionRequests:
    """Stores requests to delete a delivered file; a worker deletes it, also after a restart."""

    def __init__(
        self,
        *,
        deliveries: DeliveryStore,
        membership: WorkspaceMembership,
        files: TakeBackStore,
        administration: Administration,
    ) -> None:
        self._deliveries = deliveries
        self._authorization = ActionAuthorization(deliveries, membership)
        self._files = files
        self._administration = administration

    async def ask(self, requester: Requester, delivery_id: str) -> None:
        """Store that the file is to be deleted; asking twice changes nothing.

        Raises:
            DeletionRefused: the person neither requested it nor is an admin now.
            NotYours: there is no such delivery.
            Outsider: the person is not in that workspace, or not in that conversation.
            NothingToDelete: it is already deleted.

        Each refusal is audited.
        """
        delivery = await self._authorization.of_anybody_there(requester, delivery_id, "delete")
        actor = requester.actor
        if delivery.user_id != actor.user_id and not await self._administration.is_admin(actor):
            raise await self._authorization.refused(
                requester, delivery, "delete", DeletionRefused()
            )
        if await self._files.ask_deletion(delivery, actor.user_id):
            return
        now = await self._deliveries.read(delivery.id)
        if now.taken_back_at or not now.delete_asked_by:
            raise await self._authorization.refused(
                requester, delivery, "delete", NothingToDelete()
            )
