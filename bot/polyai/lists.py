"""Every conversation of a period, from the v3 list or the v1 list."""

from collections import deque
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Final

from bot.network.paging import Pages, PagingStuck
from bot.observability.logs import get_logger
from bot.polyai.agents import Agent, Platform
from bot.polyai.errors import AnswerTooLarge
from bot.polyai.http import HttpGet
from bot.polyai.list_errors import ListUnreadable
from bot.polyai.normalization import CallSummary
from bot.polyai.pages import ListPages, Page, PageStart

log = get_logger(__name__)

LIMIT: Final = 200
SMALLEST_LIMIT: Final = 10
MAX_PAGES: Final = 10_000
LOG_EVERY_PAGES: Final = 50
PAGES_REMEMBERED: Final = 4
LATELY: Final = timedelta(days=1)


class CallLists:
    """Reads lists page by page, holding a few pages at most."""

    def __init__(self, http: HttpGet) -> None:
        self._pages = ListPages(http)

    async def between(
        self, agent: Agent, since: datetime, until: datetime
    ) -> AsyncIterator[CallSummary]:
        """Yield each live conversation that started in [since, until) once, in no promised order.

        Raises:
            PolyAIError: a page could not be read; the calls of earlier pages were yielded.
        """
        if since >= until:
            return
        recent = _Recent()
        read = unusable = 0
        async for page in self._read(agent, since, until):
            read, unusable = read + 1, unusable + page.unusable
            for call in page.calls:
                if recent.is_new(call.conversation_id) and since <= call.started_at < until:
                    yield call
            recent.turn()
            if read % LOG_EVERY_PAGES == 0:
                log.info("listing_calls", agent=agent.name, pages=read, unusable_rows=unusable)
        log.info("calls_listed", agent=agent.name, pages=read, unusable_rows=unusable)

    async def try_platform(self, agent: Agent, platform: Platform, now: datetime) -> None:
        """Check that account and key can read the agent, by requesting one row of the v3 list.

        Raises:
            PolyAIError: they cannot, or PolyAI cannot be reached.
        """
        await self._pages.v3(agent, platform, now - LATELY, now, limit=1, place=None)

    async def _read(self, agent: Agent, since: datetime, until: datetime) -> AsyncIterator[Page]:
        """Read page by page; the v1 list until all calls of a page started too early.

        The v1 list has no filter for time. Its offsets drift as conversations are added: pages
        then overlap, and nothing is left out.
        """
        limit = LIMIT

        async def fetch(place: PageStart | None) -> Page:
            nonlocal limit
            while True:
                try:
                    return await self._pages.page(agent, since, until, limit=limit, place=place)
                except AnswerTooLarge:
                    # With a cursor every other parameter has to stay unchanged.
                    is_fixed = place is not None and place.name == "cursor"
                    if is_fixed or limit // 4 < SMALLEST_LIMIT:
                        raise
                    limit //= 4

        pages = Pages(
            fetch,
            following=lambda page: page.following,
            shows=lambda page: page.rows and (page.calls, page.newest_at, page.oldest_at),
            max_pages=MAX_PAGES,
        )
        try:
            async for page in pages:
                yield page
                is_past = page.newest_at is not None and page.newest_at < since
                if agent.platform is None and is_past:
                    return
        except PagingStuck:
            raise ListUnreadable from None


class _Recent:
    """The ids of the last few pages."""

    def __init__(self) -> None:
        self._pages: deque[set[str]] = deque([set()], maxlen=PAGES_REMEMBERED)

    def is_new(self, conversation_id: str) -> bool:
        """Return whether the id is not on the last few pages, and remember it."""
        was_met = any(conversation_id in page for page in self._pages)
        self._pages[-1].add(conversation_id)
        return not was_met

    def turn(self) -> None:
        """Begin a new page, and forget the oldest one."""
        self._pages.append(set())
