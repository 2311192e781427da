"""The loop of a worker: claims due work, runs it, and renews its leases."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from bot.concurrency.urgency import working
from bot.jobs.work_kind import WorkKind, run_once
from bot.observability.logs import bound_to_logs, get_logger
from bot.observability.metrics import Metrics
from bot.store.due_work import SUSPECT_FROM, Due, DueWork
from bot.store.failures import is_away

T = TypeVar("T")
log = get_logger(__name__)

POLL_SECONDS: Final = 5.0
LEASE: Final = timedelta(seconds=9)
"""A killed worker's work is taken over after this and one poll, so within 15 seconds."""
RENEWALS_A_LEASE: Final = 5
FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_FOR_STORE_SECONDS: Final = 5.0
HAND_OVER_SECONDS: Final = 1.5
"""How long a stop may take to cancel running work and release it."""
BRING_FORWARD_SECONDS: Final = 600.0
"""How often periodic work that a fast clock postponed is looked for."""
MOST_WAITING: Final = 8
"""Limits pieces that wait for their turn, as a multiple of those that run at once."""


class WorkLoop:
    """Runs the work of one process; before each claim it yields to requests in flight.

    A failing database ends nothing: running work waits for it. Work that another worker took over
    meanwhile is cancelled here.
    """

    def __init__(
        self,
        *,
        due_work: DueWork,
        kinds: Sequence[WorkKind],
        clock: Callable[[], datetime],
        lease: timedelta = LEASE,
        poll_seconds: float = POLL_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        give_way: Callable[[], Awaitable[None]] | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._due_work = due_work
        self._kinds = {kind.name: kind for kind in kinds}
        self._longest_waits = {
            kind.name: kind.longest_wait for kind in kinds if kind.longest_wait is not None
        }
        self._bring_forward_from = 0.0
        self._clock = clock
        self._lease_seconds = lease.total_seconds()
        self._poll_seconds = poll_seconds
        self._sleep = sleep
        self._give_way = give_way
        self._metrics = metrics or Metrics()
        self._held: dict[tuple[str, str], tuple[Due, asyncio.Task[None]]] = {}
        self._woken = asyncio.Event()
        self._next_at: datetime | None = None
        self._takes_over_from = 0.0
        self.is_running = True
        """Whether it can work: it was not stopped, and its last poll succeeded."""

    def wake(self) -> None:
        """Poll now: work was stored."""
        self._woken.set()

    def note_taken_over(self, kind: str, key: str) -> None:
        """Log and count work whose worker died or lost its lease."""
        log.warning("work_taken_over", kind=kind, key=key)
        self._metrics.takeovers.labels(kind=kind).inc()

    async def run(self) -> None:
        """Claim and run until cancelled."""
        waits = FIRST_WAIT_SECONDS
        while True:
            if self._give_way:
                await self._give_way()
            self._woken.clear()
            try:
                await self._take()
            except Exception as error:  # noqa: BLE001 - logged; the loop never ends
                self._note_outage("work_not_claimed", error)
                await self._sleep(waits)
                waits = min(2 * waits, LONGEST_WAIT_FOR_STORE_SECONDS)
                continue
            waits, self.is_running = FIRST_WAIT_SECONDS, True
            # Not wait_for: until Python 3.12 it may swallow a cancellation (CPython issue 86296).
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds_to_next()):
                    await self._woken.wait()

    async def renew(self) -> None:
        """Renew the leases of running work, until cancelled."""
        while True:
            await asyncio.sleep(self._lease_seconds / RENEWALS_A_LEASE)
            held = {key: due for key, (due, _) in self._held.items()}
            if not held:
                continue
            try:
                kept = await self._due_work.renew({due.claim for due in held.values()})
            except Exception as error:  # noqa: BLE001 - logged; the loop never ends
                self._note_outage("leases_not_renewed", error)
                continue
            for (kind, key), due in held.items():
                now_held = self._held.get((kind, key))
                if not now_held or now_held[0] is not due or now_held[1].done():
                    continue
                if (kind, key, due.claim) not in kept:
                    # Another worker has it; here each further step would fail.
                    self._note_lost(due)
                    now_held[1].cancel()

    async def stop(self, drain_seconds: float) -> None:
        """Let running work finish for a while, then cancel the rest and release it, due at once.

        Takes ``drain_seconds`` and at most ``HAND_OVER_SECONDS`` more. Work that does not end when
        cancelled keeps its lease, so that no other worker runs it at the same time.
        """
        self.is_running = False
        tasks = {task for _, task in self._held.values()}
        if tasks:
            await asyncio.wait(tasks, timeout=drain_seconds)
        left = {task: due for due, task in self._held.values()}
        if not left:
            return
        for task in left:
            task.cancel()
        try:
            async with asyncio.timeout(HAND_OVER_SECONDS):
                ended, stuck = await asyncio.wait(left, timeout=HAND_OVER_SECONDS / 2)
                await self._due_work.release([left[task] for task in ended])
        except Exception as error:  # noqa: BLE001 - logged; the lease expires by itself
            log.warning("work_not_released", error=type(error).__name__)
            return
        log.info("work_handed_over", released=len(ended), stuck=len(stuck))

    async def _take(self) -> None:
        """Claim due work as far as there is room, and note when the next is due."""
        await self._bring_forward()
        room = {
            name: kind.at_once + min(kind.waiting(), MOST_WAITING * kind.at_once)
            for name, kind in self._kinds.items()
        }
        for kind_name, _ in self._held:
            room[kind_name] -= 1
        takes_over = time.monotonic() >= self._takes_over_from
        open_kinds = [name for name, free in room.items() if free > 0]
        firsts = await self._due_work.first_due(open_kinds, takes_over=takes_over)
        now = self._clock()
        self._next_at = min((at for at in firsts.values() if at > now), default=None)
        for name, due_at in firsts.items():
            if due_at > now:
                continue
            kind = self._kinds[name]
            wanted, admission = room[name], kind.admission
            if admission:
                wanted = await admission.admit(wanted)
                if not wanted:
                    again_at = now + timedelta(seconds=admission.again_seconds)
                    self._next_at = min(again_at, self._next_at or again_at)
                    continue
            held = (due for due, _ in self._held.values() if due.kind == name)
            suspects = 0 if any(due.takeovers >= SUSPECT_FROM for due in held) else 1
            claimed = await self._due_work.claim(
                name,
                wanted,
                takes_over=takes_over,
                suspects=suspects,
                in_turn=kind.in_turn,
                passed_over=self._passed_over(kind),
            )
            if admission:
                admission.note_claimed(wanted, len(claimed))
            for due in claimed:
                if not self._continues_here(due):
                    self._start(kind, due)
            if claimed:
                self._woken.set()  # more may be due, and when the next is due is not known

    async def _bring_forward(self) -> None:
        if self._longest_waits and time.monotonic() >= self._bring_forward_from:
            await self._due_work.bring_forward(self._longest_waits)
            self._bring_forward_from = time.monotonic() + BRING_FORWARD_SECONDS

    def _passed_over(self, kind: WorkKind) -> list[int]:
        """Return the flows that hold as much here as is left for all others.

        However many pieces of an agent wait here because it is slow, those of another one find
        room (after dynamic queue length thresholds, Choudhury and Hahne, 1998).
        """
        if not kind.in_turn:
            return []
        held = Counter(due.flow for due, _ in self._held.values() if due.kind == kind.name)
        left = (1 + MOST_WAITING) * kind.at_once - held.total()
        return [flow for flow, count in held.items() if count >= left]

    def _continues_here(self, due: Due) -> bool:
        """Leave work that is claimed again to the task that runs it here already.

        Its lease expired because the database was too slow for the renewals, or the task has just
        ended it and it is due again. A second run beside the first would do everything twice.
        """
        _, task = self._held.get((due.kind, due.key), (due, None))
        if task is None or task.done():
            return False
        self._held[due.kind, due.key] = (due, task)
        log.info("work_claimed_again", kind=due.kind, key=due.key)
        return True

    def _start(self, kind: WorkKind, due: Due) -> None:
        if due.was_held:
            self.note_taken_over(due.kind, due.key)
        task = asyncio.create_task(self._work(kind, due))
        self._held[due.kind, due.key] = (due, task)

        def ended(_: asyncio.Task[None]) -> None:
            held = self._held.get((due.kind, due.key))
            if held and held[1] is task:
                del self._held[due.kind, due.key]
                self._woken.set()

        task.add_done_callback(ended)

    async def _work(self, kind: WorkKind, due: Due) -> None:
        # Every log line of the work has its key: for a delivery, the reference shown to people.
        with bound_to_logs(reference=due.key), working(kind.urgency):
            following: Due | None = due
            while following:
                following = await self._run(kind, following)

    async def _run(self, kind: WorkKind, due: Due) -> Due | None:
        """Run work and store its end; returns its next claim if it was claimed again after that."""
        again_at = await self._retry_while_away(lambda: run_once(kind, due, self._clock))
        ended = await self._retry_while_away(lambda: self._finish(due, again_at))
        if ended is None:
            self._note_lost(due)
            return None
        held, _ = self._held[due.kind, due.key]
        return held if held.claim != ended else None

    async def _finish(self, due: Due, again_at: datetime | None) -> str | None:
        """Store the end under the current claim, and return that; None: the lease is lost."""
        claim = None
        while claim != (held := self._held[due.kind, due.key][0].claim):
            claim = held  # it may be claimed again in the meantime
            if await self._due_work.finish(replace(due, claim=claim), again_at):
                return claim
        return None

    async def _retry_while_away(self, act: Callable[[], Awaitable[T]]) -> T:
        """Retry ``act`` while the database is away: without it no result can be stored."""
        waits = FIRST_WAIT_SECONDS
        while True:
            try:
                return await act()
            except Exception as error:
                if not is_away(error):
                    raise
                self._note_outage("store_away", error)
            await self._sleep(waits)
            waits = min(2 * waits, LONGEST_WAIT_FOR_STORE_SECONDS)

    def _note_lost(self, due: Due) -> None:
        log.warning("lease_lost", kind=due.kind, key=due.key)
        self._metrics.leases_lost.labels(kind=due.kind).inc()

    def _note_outage(self, event: str, error: Exception) -> None:
        """Log it, and take over no work until other workers had time to renew their leases.

        An outage that all workers share makes every lease expire, although no worker has died.
        """
        self.is_running = False
        self._takes_over_from = time.monotonic() + self._lease_seconds
        if not is_away(error):  # the store logs once a minute that it is away
            log.warning(event, exc_info=error)

    def _seconds_to_next(self) -> float:
        if self._next_at is None:
            return self._poll_seconds
        seconds = (self._next_at - self._clock()).total_seconds()
        return min(self._poll_seconds, max(seconds, 0.001))
