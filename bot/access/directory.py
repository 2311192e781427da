"""The facts that a decision reads from Slack: people, conversations and their members."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Protocol

from bot.access.policy import Standing
from bot.network.paging import Pages

MAX_PAGES: Final = 500
"""Pages of 200 people: enough for the largest audience that can be set."""


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

    def is_dm_of(self, user_id: str) -> bool:
        """Return whether it is a person's direct messages with the bot: nobody else listens."""
        return self.is_im and self.im_user_id == user_id

    def is_external_to(self, user_id: str) -> bool | None:
        """Return whether people of other organisations are in it; None: unknown.

        Slack sends no sharing flags for direct messages; an external person is refused by their
        standing.
        """
        return False if self.is_dm_of(user_id) else self.is_external


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


class Members:
    """The member pages of one conversation, each fetched at most once for one decision."""

    def __init__(self, directory: Directory, channel_id: str) -> None:
        self._pages: list[tuple[str, ...]] = []
        self._unread: Pages[MemberPage, str] = Pages(
            lambda cursor: directory.members(channel_id, cursor),
            following=lambda page: page.next_cursor,
            shows=lambda page: page.user_ids,
            max_pages=MAX_PAGES,
        )

    async def pages(self) -> AsyncIterator[tuple[str, ...]]:
        """Yield the pages already fetched, then new ones until Slack has no more.

        Raises:
            CallAudioError: Slack does not answer, or its list does not end.
        """
        index = 0
        while True:
            if index == len(self._pages):
                page = await anext(self._unread, None)
                if page is None:
                    return
                self._pages.append(page.user_ids)
            yield self._pages[index]
            index += 1

    async def include(self, user_id: str) -> bool:
        """Return whether the user is a member; no page after theirs is fetched."""
        async for page in self.pages():
            if user_id in page:
                return True
        return False
