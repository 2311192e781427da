"""Keeps calls to Slack within its rate limits, by queueing them instead of having them refused.

If it is unknown whether Slack's published limits apply, as behind a gateway, they apply for a while
after the first 429 with its ``Retry-After``. Answers to people do not wait here; all other work
waits for a short ``Retry-After``. Checks, deliveries and upkeep also wait for their turn,
take-backs do not, and updates of progress are skipped. Look-ups may use only a share of the limits
of what a decision reads, so that pressing buttons cannot stop checks and deliveries, also in
channels with thousands of members.
"""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from operator import itemgetter
from typing import Any, Final

from bot.concurrency.urgency import Urgency, urgency_now
from bot.errors import TooManyLookups
from bot.observability.logs import get_logger
from bot.observability.metrics import Metrics
from bot.slack.web_api.errors import SlackRateLimited
from bot.slack.web_api.published_limits import INFO, MEMBERS, PUBLISHED, USER, Limit, limited_by
from bot.slack.web_api.rate_limit_stores import MemoryRateLimitStore, RateLimitStore
from bot.slack.web_api.unstored_calls import UNSTORED_SHARE, UnstoredCalls

log = get_logger(__name__)

Turn = asyncio.Future[None]

LONGEST_HOLD_SECONDS: Final = 10.0
"""For a longer ``Retry-After`` the call fails here, and durable work is postponed."""
LONGEST_TURN_SECONDS: Final = 90.0
LEARNT_FOR_SECONDS: Final = 600.0
ANSWERS_OF_FIVE: Final = 3
"""Answers to people may use this many of five calls of what a decision reads."""
READ_BY_DECISIONS: Final = frozenset({INFO, MEMBERS, USER})
"""What a decision reads. An answer that is no look-up may use all calls of the last two: admins
must be able to revoke rights while others press buttons."""


class RateLimiter:
    """Limits the calls of one process by a store that all processes share."""

    def __init__(
        self,
        store: RateLimitStore | None = None,
        *,
        is_published: bool = False,
        scale: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store or MemoryRateLimitStore(monotonic)
        self._is_published = is_published
        self._scale = scale
        self._monotonic = monotonic
        self._sleep = sleep
        self.unstored = UnstoredCalls(monotonic, scale)
        self._learnt_until: dict[str, float] = {}
        self._held_until: dict[str, float] = {}
        self._waiting: defaultdict[str, list[tuple[Urgency, Turn]]] = defaultdict(list)
        self._serving: dict[str, asyncio.Task[None]] = {}
        self._reporting: set[asyncio.Task[Any]] = set()
        self._lister: asyncio.Task[Any] | None = None

    def limit_of(self, method: str, arguments: Mapping[str, Any]) -> tuple[str, Limit] | None:
        """Return the key a call counts under, and the current limit; None if there is none."""
        limited = limited_by(method, arguments)
        if limited is None:
            return None
        key, limit = limited
        is_learnt = self._learnt_until.get(key, 0.0) > self._monotonic()
        if not self._is_published and not is_learnt:
            return None
        return key, Limit(limit.calls, limit.seconds * self._scale)

    async def enter(self, method: str, arguments: Mapping[str, Any]) -> None:
        """Wait until the call may be made, or use one that was reserved for this delivery.

        Raises:
            SlackRateLimited: the wait would be too long.
            TooManyLookups: answers to people have used their share.
        """
        urgency = urgency_now()
        is_reserved = self.unstored.use_reserved(method)
        limited = limited_by(method, arguments)
        if urgency > Urgency.LOOKUP and limited:
            await self._wait_for_hold(limited[0], urgency)
        known = self.limit_of(method, arguments)
        if known is None or is_reserved:
            return
        key, limit = known
        if urgency <= Urgency.LOOKUP and _is_shared(key, urgency):
            await self._take_share(key, limit, continues=bool(arguments.get("cursor")))
        if urgency <= Urgency.TAKE_BACK:
            self.unstored.add(key)
            self._report(key, limit)
        elif self.unstored.has_room(key, limit, urgency):
            self.unstored.add(key)
        elif urgency is Urgency.PROGRESS:
            raise SlackRateLimited(retry_after_seconds=limit.seconds / limit.calls)
        else:
            await self._wait_for_turn(key, limit, urgency)

    async def hold(self, method: str, arguments: Mapping[str, Any], seconds: float) -> None:
        """Obey a ``Retry-After``: for that long only answers to people make such a call."""
        limited = limited_by(method, arguments)
        if limited is None or seconds <= 0:
            return
        self.note_hold(limited[0], seconds)
        try:
            await self._store.hold(limited[0], seconds)
        except Exception as error:  # noqa: BLE001 - the others get their own Retry-After
            log.warning("hold_not_shared", error=type(error).__name__)

    def note_notified_hold(self, payload: str) -> None:
        """Obey a ``Retry-After`` that another process got and sent as a notification."""
        hold = json.loads(payload)
        self.note_hold(str(hold["key"]), float(hold["seconds"]))

    def note_hold(self, key: str, seconds: float) -> None:
        """Let only answers to people make such a call for that long."""
        now = self._monotonic()
        self._held_until[key] = max(self._held_until.get(key, 0.0), now + seconds)
        self._learnt_until[key] = now + LEARNT_FOR_SECONDS

    def measure(self, metrics: Metrics) -> None:
        """Set the metrics of the limits in force and of the time until Slack accepts calls."""
        metrics.slack_calls_allowed.clear()
        metrics.slack_held_seconds.clear()
        for method in PUBLISHED:
            if known := self.limit_of(method, {}):
                a_minute = known[1].calls * 60 / known[1].seconds
                metrics.slack_calls_allowed.labels(method=method).set(a_minute)
            if seconds := self.held_seconds(method):
                metrics.slack_held_seconds.labels(method=method).set(seconds)

    def held_seconds(self, key: str) -> float:
        """Return for how long Slack accepts no calls."""
        return max(0.0, self._held_until.get(key, 0.0) - self._monotonic())

    def refuse_held(self, key: str) -> None:
        """Refuse a call that has its turn but that Slack does not accept now.

        Raises:
            SlackRateLimited: Slack accepts no calls at the moment.
        """
        if seconds := self.held_seconds(key):
            raise SlackRateLimited(retry_after_seconds=seconds)

    async def take(self, key: str, limit: Limit, wanted: int) -> tuple[int, float]:
        """Take calls from the store; returns the number granted, and when to ask again.

        If the store is unavailable, all are granted: Slack itself then limits them.
        """
        since = self.unstored.pop(key, limit)
        try:
            allowed = await self._store.take(key, limit, wanted, since=since)
        except Exception as error:  # noqa: BLE001 - logged; no call depends on it
            log.warning("rate_limit_store_unavailable", error=type(error).__name__)
            return wanted, limit.seconds
        return allowed.calls, allowed.again_seconds

    async def _take_share(self, method: str, limit: Limit, *, continues: bool) -> None:
        """Take a call from the share of answers, which all processes have together.

        One look-up of this process that has begun to list members lists them to the end, even if
        the share is used up: a long list could never be read otherwise.
        """
        key = f"{method} for answers"
        share = Limit(limit.calls * ANSWERS_OF_FIVE // 5, limit.seconds)
        lister = asyncio.current_task()
        is_listing = continues and self._lister is lister
        if is_listing or self.unstored.has_room(key, share, Urgency.ANSWER):
            self.unstored.add(key)
            return
        calls, again_seconds = await self.take(key, share, 1)
        if calls:
            return
        if continues and (self._lister is None or self._lister.done()):
            self._lister = lister
            self.unstored.add(key)
            return
        raise TooManyLookups(retry_after_seconds=again_seconds)

    def _report(self, key: str, limit: Limit) -> None:
        """Store the calls that did not wait for the store, once they are many."""
        is_many = self.unstored.count(key, limit) > limit.calls // UNSTORED_SHARE
        if is_many and key not in self._serving:
            reporting = asyncio.create_task(self.take(key, limit, 0))
            self._reporting.add(reporting)
            reporting.add_done_callback(self._reporting.discard)

    async def close(self) -> None:
        """Stop serving waiting calls."""
        serving = [*self._serving.values(), *self._reporting]
        for each in serving:
            each.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _wait_for_hold(self, key: str, urgency: Urgency) -> None:
        seconds = self.held_seconds(key)
        if seconds > LONGEST_HOLD_SECONDS or (seconds and urgency is Urgency.PROGRESS):
            raise SlackRateLimited(retry_after_seconds=seconds)
        if seconds:
            await self._sleep(seconds)

    async def _wait_for_turn(self, key: str, limit: Limit, urgency: Urgency) -> None:
        turn: Turn = asyncio.get_running_loop().create_future()
        self._waiting[key].append((urgency, turn))
        if key not in self._serving:
            self._serving[key] = asyncio.create_task(self._serve(key, limit))
        try:
            async with asyncio.timeout(LONGEST_TURN_SECONDS):
                await turn
        except TimeoutError:
            raise SlackRateLimited(retry_after_seconds=limit.seconds) from None

    async def _serve(self, key: str, limit: Limit) -> None:
        """Release waiting calls until none is left."""
        while waiting := self._still_waiting(key):
            calls, again_seconds = await self.take(key, limit, len(waiting))
            for _, turn in self._still_waiting(key)[:calls]:
                turn.set_result(None)
            if self._still_waiting(key):
                await self._sleep(again_seconds)
        del self._waiting[key], self._serving[key]

    def _still_waiting(self, key: str) -> list[tuple[Urgency, Turn]]:
        """Return the calls without a turn, the most urgent first, then by arrival."""
        waiting = [each for each in self._waiting[key] if not each[1].done()]
        self._waiting[key] = sorted(waiting, key=itemgetter(0))
        return self._waiting[key]


def _is_shared(key: str, urgency: Urgency) -> bool:
    return key == INFO or (urgency is Urgency.LOOKUP and key in READ_BY_DECISIONS)
