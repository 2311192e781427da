"""The facts that a decision reads from Slack: people, conversations and their members."""

from dataclasses import dataclass
from typing import Protocol

from bot.access.policy import Standing


@dataclass(frozen=True, slots=True)
class Conversation:
    """A Slack conversation; None: Slack did not send the flag."""

    channel_id: str
    is_external: bool | None
    """Shared, or about to be shared, with another organisation."""
    is_im: bool
    im_user_id: str | None
    is_private: bool | None
    """Whether only its members can open it. Otherwise everybody in the workspace can."""
    is_archived: bool
    bot_is_member: bool
    member_count: int | None


def is_direct_message(channel_id: str) -> bool:
    """Return whether an id names direct messages, with the bot or of two other people.

    It only saves a call or chooses words: Slack's flags decide who can hear a recording.
    """
    return channel_id.startswith("D")


@dataclass(frozen=True, slots=True)
class MemberPage:
    """One page of a conversation's member ids, bots included."""

    user_ids: tuple[str, ...]
    next_cursor: str | None


class Directory(Protocol):
    """Slack's people and conversations, read from Slack at each call.

    Each method raises ``CallAudioError`` if Slack does not answer; the fact is then unknown.
    """

    async def conversation(self, channel_id: str) -> Conversation:
        """Read one conversation."""
        ...

    async def members(self, channel_id: str, cursor: str | None) -> MemberPage:
        """Read one page of members."""
        ...

    async def standing(self, user_id: str) -> Standing:
        """Read a person's standing in this workspace."""
        ...
