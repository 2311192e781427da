"""A conversation as the decision sees it: for one requester, or for the files in it."""

from dataclasses import dataclass

from bot.access.directory import Conversation
from bot.access.policy import Audience
from bot.errors import CallAudioError


@dataclass(frozen=True, slots=True)
class ConversationFacts:
    """The facts of a conversation with raw recordings, for all their requesters.

    None: unknown.
    """

    conversation: Conversation | None
    audience: Audience
    error: CallAudioError | None = None
    """Why the conversation is unknown."""


@dataclass(frozen=True, slots=True)
class Place:
    """A conversation as seen by one person; None: unknown."""

    conversation: Conversation | None
    own_dm: bool
    """Whether it is their direct messages with the bot; then they are the only listener."""

    @classmethod
    def of(cls, conversation: Conversation | None, user_id: str) -> "Place":
        """Build it for one person."""
        is_im = conversation is not None and conversation.is_im
        own_dm = conversation is not None and conversation.im_user_id == user_id
        return cls(conversation, own_dm=is_im and own_dm)

    @property
    def is_external(self) -> bool | None:
        """Whether people of other organisations are in it; None: unknown.

        Slack sends no sharing flags for direct messages; an external person is refused by their
        standing.
        """
        if self.conversation is None:
            return None
        return False if self.own_dm else self.conversation.is_external

    @property
    def is_private(self) -> bool | None:
        """Whether only its members can open it; None: unknown."""
        return None if self.conversation is None else self.conversation.is_private
