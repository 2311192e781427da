"""What the decision asks of Slack: who somebody is, what a conversation is, and who is in it."""

from dataclasses import dataclass
from typing import Protocol

from bot.access.policy import Standing


@dataclass(frozen=True, slots=True)
class Conversation:
    """A Slack conversation as the decision needs it; None is a flag Slack did not send."""

    channel_id: str
    is_external: bool | None
    """Shared, or about to be shared, with another organisation."""
    is_im: bool
    im_user_id: str | None
    is_private: bool | None
    """Whether only its members can open it. Anything else is open to everybody in the workspace."""
    is_archived: bool
    bot_is_member: bool
    member_count: int | None


@dataclass(frozen=True, slots=True)
class MemberPage:
    """One page of a conversation's member ids, bots included."""

    user_ids: tuple[str, ...]
    next_cursor: str | None


class Directory(Protocol):
    """Slack's people and conversations, read afresh at each call.

    Each method raises ``CallAudioError`` where Slack does not answer; the caller then decides
    without the fact.
    """

    async def conversation(self, channel_id: str) -> Conversation:
        """Read one conversation."""
        ...

    async def members(self, channel_id: str, cursor: str | None) -> MemberPage:
        """Read one page of members."""
        ...

    async def standing(self, user_id: str) -> Standing:
        """Read what a person is to this workspace."""
        ...
