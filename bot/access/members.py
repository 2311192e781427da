"""The members of a conversation; a page is fetched from Slack only when it is needed."""

from collections.abc import AsyncIterator
from typing import Final

from bot.access.directory import Directory, MemberPage
from bot.network.paging import Pages

MAX_PAGES: Final = 500
"""Pages of 200 people: enough for the largest audience that can be set."""


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
