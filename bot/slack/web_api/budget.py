"""Keeps calls to Slack within its rate limits, by queueing them instead of having them refused.

If it is unknown whether Slack's published limits apply, as behind a gateway, they apply for a while
after the first ``Retry-After``. Answers to people and take-backs never wait here; deliveries and
upkeep wait for their turn, and updates of progress are skipped.
"""

import asyncio
import heapq
import itertools
import json
import math
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bot.concurrency.urgency import Urgency, urgency_now
from bot.observability.logs import get_logger
from bot.observability.metrics import Metrics
from bot.slack.web_api.errors import SlackRateLimited
from bot.slack.web_api.ledgers import Ledger, MemoryLedger
from bot.slack.web_api.limits import PUBLISHED, Limit, limited_by
from bot.slack.web_api.spending import Since

log = get_logger(__name__)

LONGEST_HOLD_SECONDS: Final = 10.0
"""For a longer ``Retry-After`` the call fails here, and durable work is postponed."""
LONGEST_TURN_SECONDS: Final = 90.0
LEARNT_FOR_SECONDS: Final = 600.0
UNASKED: Final = 10
"""One in this many calls is made without the ledger, so that an idle delivery costs no query."""
SPARE: Final = 2
"""Progress may use one in this many calls."""
QUIET_SECONDS: Final = 10.0
CALM_SECONDS: Final = 60.0
"""After this long without a post and a query, this process may post without the ledger."""


@dataclass(order=True, slots=True)
class _Waiter:
    urgency: Urgency
    number: int
    turn: "asyncio.Future[None]" = field(compare=False)


class Budget:
    """The calls of one process, taken from a ledger that all processes share."""

    def __init__(
        self,
        ledger: Ledger | None = None,
        *,
        is_published: bool = False,
        scale: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._ledger = ledger or MemoryLedger(monotonic)
        self._is_published = is_published
        self._scale = scale
        self._monotonic = monotonic
        self._sleep = sleep
        self._learnt_until: dict[str, float] = {}
        self._held_until: dict[str, float] = {}
        self._unasked: defaultdict[str, deque[float]] = defaultdict(deque)
        self._used: defaultdict[str, list[float]] = defaultdict(list)
        self._asked_at: dict[str, float] = {}
        self._last_asked_at = -math.inf
        self._waiting: defaultdict[str, list[_Waiter]] = defaultdict(list)
        self._serving: dict[str, asyncio.Task[None]] = {}
        self._reporting: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count()

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

    async def enter(
        self, method: str, arguments: Mapping[str, Any], *, is_paid: bool = False
    ) -> None:
        """Return once the call may be made; ``is_paid``: it was taken from the ledger before.

        Raises:
            SlackRateLimited: that would take too long.
        """
        urgency = urgency_now()
        limited = limited_by(method, arguments)
        if urgency is not Urgency.ANSWER and limited:
            await self._wait_for_hold(limited[0], urgency)
        known = self.limit_of(method, arguments)
        if known is None or is_paid:
            return
        key, limit = known
        if urgency <= Urgency.TAKE_BACK:
            self._recent(key, limit).append(self._monotonic())
            self._report(key, limit)
        elif self._is_free(key, limit, urgency):
            self._recent(key, limit).append(self._monotonic())
        elif urgency is Urgency.PROGRESS:
            raise SlackRateLimited(retry_after_seconds=limit.seconds / limit.calls)
        else:
            await self._wait_for_turn(key, limit, urgency)

    async def hold(self, method: str, arguments: Mapping[str, Any], seconds: float) -> None:
        """Obey a ``Retry-After``: no process calls for that long."""
        limited = limited_by(method, arguments)
        if limited is None or seconds <= 0:
            return
        self.hear_hold(limited[0], seconds)
        try:
            await self._ledger.hold(limited[0], seconds)
        except Exception as error:  # noqa: BLE001 - the others find out by themselves
            log.warning("hold_not_shared", error=type(error).__name__)

    def hear(self, payload: str) -> None:
        """Handle a notification of another process."""
        hold = json.loads(payload)
        self.hear_hold(str(hold["key"]), float(hold["seconds"]))

    def hear_hold(self, key: str, seconds: float) -> None:
        """Note that Slack accepts no calls for that long, as any process was told."""
        now = self._monotonic()
        self._held_until[key] = max(self._held_until.get(key, 0.0), now + seconds)
        self._learnt_until[key] = now + LEARNT_FOR_SECONDS

    def measure(self, metrics: Metrics) -> None:
        """Set the figures of the limits that hold now, and of what Slack has put off."""
        metrics.slack_calls_allowed.clear()
        metrics.slack_held_seconds.clear()
        for method in PUBLISHED:
            known = self.limit_of(method, {})
            if known:
                _, limit = known
                metrics.slack_calls_allowed.labels(method=method).set(
                    limit.calls * 60 / limit.seconds
                )
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
        """Take calls from the ledger; returns how many, and in how many seconds to ask again.

        If the ledger is unavailable, all are granted: Slack itself then limits them.
        """
        now = self._monotonic()
        since = Since(
            made=[now - at for at in self._recent(key, limit)],
            taken=[now - at for at in self._used.pop(key, ())],
        )
        self._unasked[key].clear()
        self._asked_at[key] = self._last_asked_at = now
        try:
            allowed = await self._ledger.take(key, limit, wanted, since=since)
        except Exception as error:  # noqa: BLE001 - logged; no call depends on it
            log.warning("ledger_away", error=type(error).__name__)
            return wanted, limit.seconds
        return allowed.calls, allowed.again_seconds

    def is_idle(self, key: str, limit: Limit) -> bool:
        """Return whether this process has not asked the ledger recently."""
        asked_at = self._asked_at.get(key)
        return asked_at is None or self._monotonic() - asked_at > limit.seconds

    def unasked(self, key: str, limit: Limit) -> int:
        """Count the calls recently made without the ledger."""
        return len(self._recent(key, limit))

    def note_used(self, key: str, taken_at: float) -> None:
        """Count a call when it is made, not when it was taken from the ledger."""
        self._used[key].append(taken_at)
        self._unasked[key].append(self._monotonic())

    def note_unasked(self, key: str, calls: int) -> None:
        """Count calls that will be made without the ledger."""
        self._unasked[key].extend([self._monotonic()] * calls)

    def _report(self, key: str, limit: Limit) -> None:
        """Have the ledger know of calls that did not wait for it, once they are many."""
        if len(self._recent(key, limit)) > limit.calls // UNASKED and key not in self._serving:
            reporting = asyncio.create_task(self._taking_none(key, limit))
            self._reporting.add(reporting)
            reporting.add_done_callback(self._reporting.discard)

    async def _taking_none(self, key: str, limit: Limit) -> None:
        await self.take(key, limit, 0)

    def _is_free(self, key: str, limit: Limit, urgency: Urgency) -> bool:
        if not self.is_idle(key, limit):
            return False
        recent = self._recent(key, limit)
        if limit.calls == 1:
            now = self._monotonic()
            is_quiet = not recent or now - recent[-1] > QUIET_SECONDS * self._scale
            # Under load, other processes probably post there as well.
            return is_quiet and now - self._last_asked_at > CALM_SECONDS * self._scale
        share = SPARE if urgency is Urgency.PROGRESS else UNASKED
        return len(recent) < limit.calls // share

    def _recent(self, key: str, limit: Limit) -> deque[float]:
        kept_seconds = max(limit.seconds, QUIET_SECONDS * self._scale)
        recent, since = self._unasked[key], self._monotonic() - kept_seconds
        while recent and recent[0] < since:
            recent.popleft()
        return recent

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
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting[key], _Waiter(urgency, next(self._numbers), turn))
        if key not in self._serving:
            self._serving[key] = asyncio.create_task(self._serve(key, limit))
        try:
            async with asyncio.timeout(LONGEST_TURN_SECONDS):
                await turn
        except TimeoutError:
            raise SlackRateLimited(retry_after_seconds=limit.seconds) from None

    async def _serve(self, key: str, limit: Limit) -> None:
        """Release waiting calls, the most urgent first, until none is left."""
        while waiting := [each for each in self._waiting[key] if not each.turn.done()]:
            self._waiting[key] = waiting
            heapq.heapify(waiting)
            calls, again_seconds = await self.take(key, limit, len(waiting))
            for _ in range(min(calls, len(waiting))):
                turn = heapq.heappop(waiting).turn
                if not turn.done():
                    turn.set_result(None)
            if waiting:
                await self._sleep(again_seconds)
        del self._waiting[key], self._serving[key]
