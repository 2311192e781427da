"""One page of either of PolyAI's lists of conversations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from pydantic import SecretStr

from bot.polyai import errors
from bot.polyai.agents import Agent, Platform
from bot.polyai.client import conversations_url
from bot.polyai.http import HttpGet
from bot.polyai.list_errors import (
    OF_A_LATER_PAGE,
    OF_A_LIST,
    OF_THE_PLATFORM,
    ListUnreadable,
    Words,
    in_words,
)
from bot.polyai.normalization import (
    LIVE,
    V1_FIELDS,
    V3_FIELDS,
    CallSummary,
    is_live_v1,
    is_live_v3,
    summary_from_v1,
    summary_from_v3,
)
from bot.polyai.payloads import moment_of
from bot.polyai.response import Bounds

MAX_PAGE_BYTES: Final = 16 * 2**20
MAX_PAGE_VALUES: Final = 500_000
"""Rows of the v3 list contain all their turns, which are dropped."""
MAX_ROWS: Final = 1000

MOST_CALLS: Final = 10**9
"""More than any agent has; a binary search for a time starts from this number."""


@dataclass(frozen=True, slots=True)
class PageStart:
    """Where a page begins: the query parameter that asks for it, ``cursor`` or ``offset``."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list.

    Attributes:
        calls: the live conversations that could be read, in the order of the page.
        rows: how many rows it had in all.
        unusable: live rows without a readable id or start time.
        newest_at: the latest start on the page, in any environment.
        oldest_at: the earliest.
        following: where the next page begins; None if there is none.
        total: how many conversations the list has, if it says so.
    """

    calls: tuple[CallSummary, ...]
    rows: int
    unusable: int
    newest_at: datetime | None
    oldest_at: datetime | None
    following: PageStart | None
    total: int | None = None


class ListPages:
    """Fetches pages; raises ``PolyAIError``, worded for lists, where PolyAI refuses."""

    def __init__(self, http: HttpGet) -> None:
        self._http = http

    async def page(
        self, agent: Agent, since: datetime, until: datetime, *, limit: int, place: PageStart | None
    ) -> Page:
        """Fetch a page of the agent's list: v3 if it has an account, else v1 without a period."""
        if agent.platform is not None:
            return await self.v3(agent, agent.platform, since, until, limit=limit, place=place)
        return await self.v1(agent, limit=limit, offset=int(place.value) if place else 0)

    async def v1(self, agent: Agent, *, limit: int, offset: int) -> Page:
        """Fetch a page of the v1 list: every environment, no filter, newest first."""

        def read(body: object) -> Page:
            rows = _rows(body)
            total = _total(body)
            end = offset + len(rows)
            # A full page is never taken for the last one, even if the total says so.
            is_last = not rows or (total is not None and end >= total and len(rows) < limit)
            return _page(
                rows,
                summary_from_v1,
                is_live_v1,
                "startedAt",
                following=None if is_last else PageStart("offset", str(end)),
                total=total,
            )

        params = {"limit": str(limit), "offset": str(offset)}
        url, fields = conversations_url(agent), V1_FIELDS | {"conversations", "count"}
        return await self._fetch(
            url, agent.api_key, params, fields=fields, read=read, words=OF_A_LIST
        )

    async def v3(
        self,
        agent: Agent,
        platform: Platform,
        since: datetime,
        until: datetime,
        *,
        limit: int,
        place: PageStart | None,
    ) -> Page:
        """Fetch a page of the v3 list; ``place`` is ``following`` of the page before."""
        parts = (quote(each, safe="") for each in (platform.account_id, agent.agent_id))
        url = f"{platform.base_url}/v3/{'/'.join(parts)}/conversations"
        params = {
            "start_time": since.astimezone(UTC).isoformat(),
            "end_time": until.astimezone(UTC).isoformat(),
            "client_env": LIVE,
            "limit": str(limit),
            **({place.name: place.value} if place else {}),
        }

        def read(body: object) -> Page:
            rows = _rows(body)
            following = _following(body, rows, limit, place)
            return _page(rows, summary_from_v3, is_live_v3, "started_at", following=following)

        fields = V3_FIELDS | {"conversations", "cursor"}
        words = OF_A_LATER_PAGE if place else OF_THE_PLATFORM
        return await self._fetch(
            url, platform.api_key, params, fields=fields, read=read, words=words
        )

    async def _fetch(
        self,
        url: str,
        key: SecretStr,
        params: Mapping[str, str],
        *,
        fields: frozenset[str],
        read: Callable[[object], Page],
        words: Words,
    ) -> Page:
        bounds = Bounds(MAX_PAGE_BYTES, MAX_PAGE_VALUES, fields)
        try:
            return await self._http.json(url, key, params=params, bounds=bounds, read=read)
        except errors.ConversationNotFound as error:
            # The request names no conversation, so 404 means that the agent is unknown.
            found = errors.AgentNotFound(correlation_id=error.correlation_id)
            raise in_words(found, words) from error
        except errors.PolyAIError as error:
            in_words(error, words)
            raise


def _rows(body: object) -> list[object]:
    """Read the rows; some examples in the documentation are a bare list."""
    rows = body.get("conversations") if isinstance(body, dict) else body
    if not isinstance(rows, list):
        raise ListUnreadable
    if len(rows) > MAX_ROWS:  # five times as many as requested
        raise errors.AnswerTooLarge
    return rows


def _total(body: object) -> int | None:
    total = body.get("count") if isinstance(body, dict) else None
    if isinstance(total, bool) or not isinstance(total, int):
        return None
    return total if 0 <= total <= MOST_CALLS else None


def _following(
    body: object, rows: list[object], limit: int, place: PageStart | None
) -> PageStart | None:
    if not isinstance(body, dict):  # no cursor in a bare list: a full page may not be the last one
        offset = int(place.value if place and place.name == "offset" else "0") + len(rows)
        return PageStart("offset", str(offset)) if len(rows) >= limit else None
    cursor = body.get("cursor")
    if cursor is None or cursor == "":
        return None
    if not isinstance(cursor, str):
        raise ListUnreadable
    return PageStart("cursor", cursor)


def _page(
    rows: list[object],
    listed: Callable[[object], CallSummary | None],
    is_live: Callable[[object], bool],
    started_at: str,
    *,
    following: PageStart | None,
    total: int | None = None,
) -> Page:
    calls = [listed(row) for row in rows if is_live(row)]
    read = tuple(call for call in calls if call is not None)
    moments = [moment_of(row.get(started_at)) for row in rows if isinstance(row, dict)]
    known = [moment for moment in moments if moment is not None]
    return Page(
        calls=read,
        rows=len(rows),
        unusable=len(calls) - len(read),
        newest_at=max(known, default=None),
        oldest_at=min(known, default=None),
        following=following,
        total=total,
    )
