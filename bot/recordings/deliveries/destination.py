"""The destination of a delivery."""

import asyncio

from bot.access.directory import Conversation, Directory, is_direct_message
from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.recordings.deliveries.delivery import Delivery
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.deliveries.naming import private_note_of
from bot.recordings.deliveries.slack_errors import ConversationArchived, ConversationUnseen
from bot.recordings.deliveries.slack_port import PrivateNoteKind, SlackPort

log = get_logger(__name__)


class Destinations:
    """Finds the conversation a delivery goes to."""

    def __init__(
        self, *, deliveries: DeliveryStore, directory: Directory, slack: SlackPort
    ) -> None:
        self._deliveries = deliveries
        self._directory = directory
        self._slack = slack

    async def read(self, channel_id: str) -> Conversation:
        """Read the conversation that a delivery goes to.

        Raises:
            ConversationUnseen: the bot has to be invited first.
            ConversationArchived: nobody can post there.
            CallAudioError: Slack did not answer.
        """
        return await _read_open(self._directory, channel_id)

    async def redirect_to_direct_messages(self, delivery: Delivery) -> Delivery:
        """Redirect the delivery to the requester's direct messages with the bot.

        The requester named their own id as the channel; or made the request in direct messages with
        another person, where no bot can post: then they are notified.
        """
        settled: dict[str, str | None] = {
            "destination_channel_id": await self._slack.open_dm(delivery.user_id)
        }
        if delivery.asked_channel_id != delivery.user_id:
            await self._notify_moved(delivery)
            settled["asked_thread_ts"] = None  # that thread is in another conversation
        stored = await self._deliveries.change(delivery, settled)
        return stored or await self._deliveries.read(delivery.id)

    async def _notify_moved(self, delivery: Delivery) -> None:
        """Notify the requester before the change is stored, so that a temporary fault is retried.

        Raises:
            CallAudioError: a later try may succeed.
        """
        try:
            await self._slack.notify(private_note_of(delivery, PrivateNoteKind.MOVED_TO_DM))
        except CallAudioError as error:
            if error.retryable:
                raise
            log.warning("moved_not_notified", delivery_id=delivery.id, code=error.code)

    async def enter(self, channel_id: str, known: Conversation | None) -> None:
        """Join the channel if it is public and the bot is not a member.

        ``known``: the conversation, if it has just been read.

        Raises:
            ConversationUnseen: the bot may not join.
        """
        conversation = known or await self._directory.conversation(channel_id)
        if conversation.bot_is_member or conversation.is_im:
            return
        if conversation.is_private is not False:
            raise ConversationUnseen
        await self._slack.join(channel_id)


async def find_conversation(directory: Directory, channel_id: str) -> Conversation | None:
    """Read a conversation to post in; None: a direct message between two other people.

    Raises:
        ConversationUnseen: the bot has to be invited first.
        ConversationArchived: nobody can post there.
    """
    try:
        return await _read_open(directory, channel_id)
    except ConversationUnseen:
        if is_direct_message(channel_id):
            return None
        raise


async def _read_open(directory: Directory, channel_id: str) -> Conversation:
    conversation = await directory.conversation(channel_id)
    if conversation.is_archived:
        raise ConversationArchived
    return conversation


def read_result(reading: "asyncio.Future[Conversation]") -> Conversation | None:
    """Return the conversation; None: Slack refused, which the decision handles itself.

    Raises:
        ConversationUnseen, ConversationArchived: the bot cannot post there.
        CallAudioError: a later try may succeed.
    """
    error = reading.exception()
    if isinstance(error, CallAudioError) and (
        error.retryable or isinstance(error, ConversationUnseen | ConversationArchived)
    ):
        raise error
    return None if error else reading.result()
