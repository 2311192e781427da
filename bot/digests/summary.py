"""Summarizes any number of conversations in bounded memory, exactly and in any order.

Memory grows with the hours of the period, with the possible lengths of a call (whole seconds up to
a week, so that counting each length gives an exact median) and with the distinct handoff reasons.
The reasons are limited to the first 1000, the only thing that depends on the order; others count as
other.
"""

import math
from array import array
from collections import Counter
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from bot.digests.notable import MostNotable, NotableCall, is_cut_short, is_silent
from bot.digests.report import BusiestHour, Figures, NameCount
from bot.polyai.normalization import CallSummary
from bot.polyai.payloads import is_chat

LONGEST_SECONDS: Final = 7 * 86_400
MAX_REASONS: Final = 1000
HOURS_A_DAY: Final = 24


class Summary:
    """One period's conversations, added one by one."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._counts: Counter[str] = Counter()  # by the names of the figures
        self._total_seconds = 0
        self._by_length = array("L", bytes(array("L").itemsize * (LONGEST_SECONDS + 1)))
        self._reasons: Counter[str] = Counter()
        self._hours: Counter[int] = Counter()
        self._notable = MostNotable()
        self._longest: CallSummary | None = None
        self._shortest: CallSummary | None = None
        self.earliest: datetime | None = None
        self.latest: datetime | None = None

    @property
    def conversations(self) -> int:
        """The number of conversations added."""
        return self._counts["conversations"]

    def add(self, call: CallSummary) -> None:
        """Count one conversation."""
        counts = self._counts
        counts["conversations"] += 1
        self._add_start(call.started_at)
        if is_chat(call.channel):
            counts["chats"] += 1
            return
        counts["inbound"] += call.direction == "inbound"
        counts["outbound"] += call.direction == "outbound"
        self._add_handoff(call)
        if call.turns is not None and call.silences is not None:
            counts["turns_known"] += 1
        if call.in_progress:
            counts["in_progress"] += 1
            return
        counts["silent"] += is_silent(call)
        counts["cut_short"] += is_cut_short(call)
        self._add_length(call)
        self._notable.add(call)

    def figures(self) -> Figures:
        """Return the figures of everything added so far."""
        counted: dict[str, Any] = dict(self._counts)
        return Figures(
            **counted,
            total_seconds=self._total_seconds,
            median_seconds=self._median(),
            longest=self._longest,
            shortest=self._shortest,
            reasons=_ranked(self._reasons),
            other_handoffs=self._counts["handoffs"] - self._reasons.total(),
            hours=self._hours_of_day(),
            busiest=self._busiest(),
        )

    def notable(self) -> tuple[NotableCall, ...]:
        """List the most notable calls, highest score first."""
        return self._notable.best_first()

    def _add_start(self, started_at: datetime) -> None:
        local = started_at.astimezone(self._zone)
        # By UTC time: an hour that repeats when clocks go back counts as two.
        into_hour = local.minute * 60 + local.second
        self._hours[math.floor(started_at.timestamp()) - into_hour] += 1
        if self.earliest is None or started_at < self.earliest:
            self.earliest = started_at
        if self.latest is None or started_at > self.latest:
            self.latest = started_at

    def _add_handoff(self, call: CallSummary) -> None:
        if call.handoff is None:
            return
        self._counts["handoff_known"] += 1
        if not call.handoff:
            return
        self._counts["handoffs"] += 1
        reason = call.handoff_reason
        if reason and (reason in self._reasons or len(self._reasons) < MAX_REASONS):
            self._reasons[reason] += 1

    def _add_length(self, call: CallSummary) -> None:
        length = call.length_seconds
        if length is None or not 0 <= length <= LONGEST_SECONDS:
            return
        self._counts["timed"] += 1
        self._total_seconds += length
        self._by_length[length] += 1
        if self._longest is None or _by_length(call) > _by_length(self._longest):
            self._longest = call
        if self._shortest is None or _by_length(call) < _by_length(self._shortest):
            self._shortest = call

    def _median(self) -> float | None:
        timed = self._counts["timed"]
        if not timed:
            return None
        return (self._nth_length((timed - 1) // 2) + self._nth_length(timed // 2)) / 2

    def _nth_length(self, n: int) -> int:
        shorter = 0
        for length, count in enumerate(self._by_length):
            shorter += count
            if shorter > n:
                return length
        raise IndexError(n)

    def _hours_of_day(self) -> tuple[int, ...]:
        hours = [0] * HOURS_A_DAY
        for start, count in self._hours.items():
            hours[self._local(start).hour] += count
        return tuple(hours)

    def _busiest(self) -> BusiestHour | None:
        if not self._hours:
            return None
        start, count = min(self._hours.items(), key=lambda item: (-item[1], item[0]))
        return BusiestHour(self._local(start), count)

    def _local(self, start: int) -> datetime:
        return datetime.fromtimestamp(start, UTC).astimezone(self._zone)


def _by_length(call: CallSummary) -> tuple[int, datetime, str]:
    return call.length_seconds or 0, call.started_at, call.conversation_id


def _ranked(counter: Counter[str]) -> tuple[NameCount, ...]:
    ranked = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    return tuple(NameCount(name, count) for name, count in ranked)
