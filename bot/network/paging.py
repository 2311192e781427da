"""Pages through an outside list as long as there is progress, and never endlessly."""

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

from bot.errors import CallAudioError

PlaceT = TypeVar("PlaceT", bound=Hashable)
PageT = TypeVar("PageT")

MAX_STANDSTILL_PAGES: Final = 20
"""Pages in a row that show nothing new. A few empty ones are usual: filters run after paging."""


class PagingStuck(CallAudioError):
    """The list leads in a circle, shows nothing new, or exceeds the limit of pages."""

    code = "paging_stuck"
    what = "A list that I have to read is too long."
    likely_cause = "It has unusually many entries, or its pages repeat."
    fix = "Try again in a minute; if it keeps failing, tell the callaudio operator the reference."


class Pages(AsyncIterator[PageT], Generic[PageT, PlaceT]):
    """Iterates over the pages of one list, fetching each on demand.

    After a failure the next ``anext`` fetches the same page again: a failure is never taken for the
    end of the list.

    Args:
        fetch: reads the page at a place, a cursor or an offset; None: the first page.
        following: returns the place of the next page; None: the page is the last one.
        shows: returns the content of the page, to detect progress; falsy: empty.
        max_pages: the maximum number of pages.

    Raises:
        PagingStuck: the place of the next page was seen before, the last ``MAX_STANDSTILL_PAGES``
            showed nothing new, or there are more pages than ``max_pages``.
    """

    def __init__(
        self,
        fetch: Callable[[PlaceT | None], Awaitable[PageT]],
        *,
        following: Callable[[PageT], PlaceT | None],
        shows: Callable[[PageT], object],
        max_pages: int,
    ) -> None:
        self._fetch = fetch
        self._following = following
        self._shows = shows
        self._max_pages = max_pages
        self._place: PlaceT | None = None
        self._met: set[int] = set()
        self._read = 0
        self._standstill = 0
        self._shown: object = None
        self._is_complete = False

    async def __anext__(self) -> PageT:
        if self._is_complete:
            raise StopAsyncIteration
        self._check_progress()
        page = await self._fetch(self._place)
        if self._place is not None:
            self._met.add(hash(self._place))
        self._read += 1
        shown = self._shows(page)
        self._standstill = 0 if shown and shown != self._shown else self._standstill + 1
        self._shown = shown
        self._place = self._following(page)
        self._is_complete = self._place is None
        return page

    def _check_progress(self) -> None:
        is_circle = self._place is not None and hash(self._place) in self._met
        if is_circle or self._standstill >= MAX_STANDSTILL_PAGES or self._read >= self._max_pages:
            raise PagingStuck
