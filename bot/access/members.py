"""A conversation's members, paged only as far as somebody asks."""

from collections.abc import AsyncIterator

from bot.access.directory import Directory


class Members:
    """The member pages of one conversation, each fetched at most once for one decision."""

    def __init__(self, directory: Directory, channel_id: str) -> None:
        self._directory = directory
        self._channel_id = channel_id
        self._pages: list[tuple[str, ...]] = []
        self._cursor: str | None = None
        self._complete = False

    async def pages(self) -> AsyncIterator[tuple[str, ...]]:
        """Give page after page: those already fetched, then new ones until Slack has no more."""
        index = 0
        while True:
            if index == len(self._pages):
                if self._complete:
                    return
                await self._fetch()
            yield self._pages[index]
            index += 1

    async def include(self, user_id: str) -> bool:
        """Tell whether the user is a member, reading no further than the page that says so."""
        async for page in self.pages():
            if user_id in page:
                return True
        return False

    async def _fetch(self) -> None:
        page = await self._directory.members(self._channel_id, self._cursor)
        self._pages.append(page.user_ids)
        self._cursor = page.next_cursor
        self._complete = page.next_cursor is None
