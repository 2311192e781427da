"""A conversation as the rules see it: for one person, and for the recordings that are in it."""

from dataclasses import dataclass

from bot.access.directory import Conversation
from bot.access.policy import Audience


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A conversation that holds raw recordings, at one moment, whoever asked for them.

    None: Slack does not tell.
    """

    conversation: Conversation | None
    audience: Audience
    is_withheld: bool = False
    """Whether Slack says for certain that the bot sees no such conversation."""


@dataclass(frozen=True, slots=True)
class Place:
    """A conversation as it is for one person; None: Slack does not tell."""

    conversation: Conversation | None
    own_dm: bool
    """Whether it is their own messages with the bot: then they are its whole audience."""

    @classmethod
    def of(cls, conversation: Conversation | None, user_id: str) -> "Place":
        """Look at a conversation with somebody's eyes."""
        is_im = conversation is not None and conversation.is_im
        own_dm = conversation is not None and conversation.im_user_id == user_id
        return cls(conversation, own_dm=is_im and own_dm)

    @property
    def is_external(self) -> bool | None:
        """Whether outsiders are in it; None: not known.

        Slack sends no sharing flags for a direct message; an external person there is refused by
        their standing.
        """
        if self.conversation is None:
            return None
        return False if self.own_dm else self.conversation.is_external

    @property
    def is_private(self) -> bool | None:
        """Whether nobody but its members can open it; None: not known."""
        return None if self.conversation is None else self.conversation.is_private
