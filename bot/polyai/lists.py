"""Every conversation of a period, from whichever of PolyAI's lists can be read."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import httpx

from bot.logs import get_logger
from bot.polyai.agents import Agent, Platform
from bot.polyai.errors import AnswerTooLarge
from bot.polyai.gets import Gets
from bot.polyai.list_errors import ListUnreadable
from bot.polyai.listed import ListedCall
from bot.polyai.pages import ListPages, Page

log = get_logger(__name__)

V3_LIMIT: Final = 1000
V1_LIMIT: Final = 200
SMALLEST_LIMIT: Final = 15
LOG_EVERY_PAGES: Final = 50
PAGES_REMEMBERED: Final = 4
LATELY: Final = timedelta(days=1)
MAX_STANDSTILL_PAGES: Final = 20
"""So many pages without a new row, one after another, and the list leads nowhere."""


class CallLists:
    """Reads lists page by page: no more than a few pages are ever held."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._pages = ListPages(Gets(http, clock=clock, sleep=sleep))

    async def between(
        self, agent: Agent, since: datetime, until: datetime
    ) -> AsyncIterator[ListedCall]:
        """Yield each live conversation that started in [since, until) once, in no promised order.

        Raises:
            PolyAIError: a page could not be read; what the pages before it held was yielded.
        """
        if since >= until:
            return
        if agent.platform is not None:
            pages = self._v3(agent, agent.platform, since, until)
        else:
            pages = self._v1(agent, since)
        recent = _Recent()
        read = unusable = 0
        async for page in pages:
            read, unusable = read + 1, unusable + page.unusable
            for call in page.calls:
                if recent.is_new(call.conversation_id) and since <= call.started_at < until:
                    yield call
            recent.turn()
            if read % LOG_EVERY_PAGES == 0:
                log.info("listing_calls", agent=agent.name, pages=read, unusable_rows=unusable)
        log.info("calls_listed", agent=agent.name, pages=read, unusable_rows=unusable)

    async def try_platform(self, agent: Agent, platform: Platform, now: datetime) -> None:
        """Ask for one row of the v3 list and drop it: do account and key open the agent?

        Raises:
            PolyAIError: they do not, or PolyAI cannot be reached.
        """
        await self._pages.v3(agent, platform, now - LATELY, now, limit=1, place=None)

    async def _v3(
        self, agent: Agent, platform: Platform, since: datetime, until: datetime
    ) -> AsyncIterator[Page]:
        limit, place = V3_LIMIT, None
        met: set[int] = set()
        standstill = 0
        while True:
            try:
                page = await self._pages.v3(agent, platform, since, until, limit=limit, place=place)
            except AnswerTooLarge:
                # Behind a cursor every other parameter has to stay as it was.
                if place is not None or limit // 4 < SMALLEST_LIMIT:
                    raise
                limit //= 4
                continue
            yield page
            standstill = 0 if page.rows else standstill + 1
            place = page.following
            if place is None:
                return
            if _mark(place) in met or standstill >= MAX_STANDSTILL_PAGES:
                raise ListUnreadable
            met.add(_mark(place))

    async def _v1(self, agent: Agent, since: datetime) -> AsyncIterator[Page]:
        """Page from the newest on until a whole page started too early.

        Offsets drift as conversations are added: pages then overlap, and nothing is left out.
        """
        offset, before, standstill = 0, None, 0
        while True:
            page = await self._pages.v1(agent, limit=V1_LIMIT, offset=offset)
            yield page
            if page.following is None or (page.newest_at is not None and page.newest_at < since):
                return
            shown = (page.calls, page.newest_at, page.oldest_at)
            standstill = standstill + 1 if shown == before else 0
            if standstill >= MAX_STANDSTILL_PAGES:
                raise ListUnreadable
            offset, before = int(page.following["offset"]), shown


class _Recent:
    """The ids of the last few pages."""

    def __init__(self) -> None:
        self._pages: deque[set[str]] = deque([set()], maxlen=PAGES_REMEMBERED)

    def is_new(self, conversation_id: str) -> bool:
        """Tell whether the id was not met lately, and remember it."""
        was_met = any(conversation_id in page for page in self._pages)
        self._pages[-1].add(conversation_id)
        return not was_met

    def turn(self) -> None:
        """Begin another page, and forget the oldest one."""
        self._pages.append(set())


def _mark(place: Mapping[str, str]) -> int:
    return hash(tuple(place.items()))
