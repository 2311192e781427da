"""An agent's latest phone calls, one screen at a time, in whichever list can be read."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.polyai.agents import Agent
from bot.polyai.http import HttpGet
from bot.polyai.normalization import CallSummary
from bot.polyai.pages import ListPages, PageStart

CHUNK_ROWS: Final = 50
MAX_CHUNKS: Final = 6
"""The requests for one screen at most; with a rarely matching filter the screen stays short."""


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls match: those that started from ``since`` on, before ``until``.

    Attributes:
        handoff: only calls that were, or were not, passed on to a person; None: both.
    """

    since: datetime
    until: datetime
    handoff: bool | None = None

    def fits(self, call: CallSummary) -> bool:
        """Return whether the call matches; chats never do, because they have no recording."""
        in_time = self.since <= call.started_at < self.until
        return in_time and not call.is_chat and self.handoff in (None, call.handoff is True)


@dataclass(frozen=True, slots=True)
class Screen:
    """Some calls, newest first, and the place at which older calls continue."""

    calls: tuple[CallSummary, ...]
    older: str | None


class CallBrowser:
    """Reads only as many pages as one screen needs."""

    def __init__(self, http: HttpGet) -> None:
        self._pages = ListPages(http)

    async def screen(
        self, agent: Agent, wanted: CallFilter, *, size: int, place: str = ""
    ) -> Screen:
        """Read up to ``size`` calls from the start, or from the place that a screen returned.

        A place is valid only with the filter it was made for. The v1 list pages by offset, which
        drifts as calls are added: a call may then appear twice.

        Raises:
            PolyAIError: a page could not be read.
        """
        skip, at = _parsed(place)
        if at is None and agent.platform is None:
            at = await self._seek(agent, wanted.until)
        found: list[CallSummary] = []
        met: set[str] = set()
        for _ in range(MAX_CHUNKS):
            page = await self._pages.page(
                agent, wanted.since, wanted.until, limit=CHUNK_ROWS, place=at
            )
            calls = sorted(page.calls, key=lambda each: each.started_at, reverse=True)
            for index, call in enumerate(calls[skip:], skip):
                if not wanted.fits(call) or call.conversation_id in met:
                    continue
                if len(found) == size:
                    return Screen(tuple(found), _place_text(index, at))
                found.append(call)
                met.add(call.conversation_id)
            is_past = page.newest_at is not None and page.newest_at < wanted.since
            is_circle = at is not None and page.following == at
            if page.following is None or is_past or is_circle:
                return Screen(tuple(found), None)
            skip, at = 0, page.following
        return Screen(tuple(found), _place_text(skip, at))

    async def _seek(self, agent: Agent, until: datetime) -> PageStart:
        """Find roughly where calls before a time begin; the v1 list has no filter for it."""
        first = await self._pages.v1(agent, limit=1, offset=0)
        low, high = 0, first.total or 0
        if first.newest_at is None or first.newest_at < until:
            high = 0
        while high - low > CHUNK_ROWS:
            middle = (low + high) // 2
            page = await self._pages.v1(agent, limit=1, offset=middle)
            if page.newest_at is not None and page.newest_at >= until:
                low = middle
            else:
                high = middle
        return PageStart("offset", str(low))


def _place_text(skip: int, at: PageStart | None) -> str:
    """Format a place as text: a page, and how many of its calls were shown."""
    return f"{skip}:{at.name}:{at.value}" if at else f"{skip}::"


def _parsed(place: str) -> tuple[int, PageStart | None]:
    if not place:
        return 0, None
    skip, name, value = place.split(":", 2)
    return int(skip), PageStart(name, value) if name else None
