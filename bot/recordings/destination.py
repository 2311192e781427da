"""Step 1: where the recording is to go."""

from bot.access.directory import Conversation, Directory
from bot.errors import CallAudioError
from bot.logs import get_logger
from bot.recordings.posting import NoteKind, Posting, PrivateNote
from bot.recordings.record import Delivery, DeliveryLog

log = get_logger(__name__)


class ConversationUnseen(CallAudioError):
    """The bot cannot see the conversation: it is private and the bot is not in it, or not there."""

    code = "conversation_unseen"
    what = "I cannot post there: I am not in that conversation."
    likely_cause = "It is a private channel or a group message that I have not been invited to."
    fix = (
        "Type `/invite @callaudio` in the channel and try again, or ask me in our direct messages."
    )


class ConversationArchived(CallAudioError):
    """The destination takes no messages any more."""

    code = "conversation_archived"
    what = "I cannot post there: the channel is archived."
    fix = "Choose another channel."


class Destinations:
    """Finds the conversation a delivery goes to."""

    def __init__(self, *, log: DeliveryLog, directory: Directory, posting: Posting) -> None:
        self._log = log
        self._directory = directory
        self._posting = posting

    async def resolve(self, delivery: Delivery) -> str:
        """Settle the destination and store it; gives its channel id.

        A person's own id means their direct messages with the bot. So does a direct message of
        two people, where no bot can ever post: then the person is told.

        Raises:
            ConversationUnseen: the bot would have to be invited first.
            ConversationArchived: nobody can post there.
        """
        if delivery.channel_id:
            return delivery.channel_id
        asked = delivery.asked_channel_id
        moved = False
        if asked == delivery.user_id:
            channel_id = await self._posting.open_dm(delivery.user_id)
        else:
            conversation = await find_conversation(self._directory, asked)
            moved = conversation is None
            channel_id = asked if conversation else await self._posting.open_dm(delivery.user_id)
        settled: dict[str, str | None] = {"destination_channel_id": channel_id}
        if moved:
            await self._tell_moved(delivery)
            settled["asked_thread_ts"] = None  # that thread is not where it goes
        await self._log.change(delivery, settled)
        return channel_id

    async def _tell_moved(self, delivery: Delivery) -> None:
        """Tell the requester before it is stored, so that a passing fault does not swallow it.

        Raises:
            CallAudioError: it may go well later.
        """
        note = PrivateNote(
            kind=NoteKind.MOVED_TO_DM,
            delivery_id=delivery.id,
            user_id=delivery.user_id,
            channel_id=delivery.origin_channel_id,
            conversation_id=delivery.conversation_id,
            response_url=delivery.response_url,
        )
        try:
            await self._posting.tell(note)
        except CallAudioError as error:
            if error.retryable:
                raise
            log.warning("moved_untold", delivery_id=delivery.id, code=error.code)

    async def enter(self, channel_id: str) -> None:
        """Make sure that the bot can post: join a public channel it is not in.

        Raises:
            ConversationUnseen: it may not join.
        """
        conversation = await self._directory.conversation(channel_id)
        if conversation.bot_is_member or conversation.is_im:
            return
        if conversation.is_private is not False:
            raise ConversationUnseen
        await self._posting.join(channel_id)


async def find_conversation(directory: Directory, channel_id: str) -> Conversation | None:
    """Read a conversation to post in; None is a direct message between two other people.

    Raises:
        ConversationUnseen: the bot would have to be invited first.
        ConversationArchived: nobody can post there.
    """
    try:
        conversation = await directory.conversation(channel_id)
    except ConversationUnseen:
        if channel_id.startswith("D"):
            return None
        raise
    if conversation.is_archived:
        raise ConversationArchived
    return conversation
