"""Which calls of a period are notable: a pure score, and the calls with the highest scores.

A call's points are the sum of its marks. Calls in progress and chats get none.

========== ================================================================= ====================
mark       when                                                              points
========== ================================================================= ====================
handed off it was passed on to a person                                      30
silent     the person said nothing in any turn                               25
quiet      in a third of the turns or more, and in 3 at least, but not all   15
cut short  it lasted 10 s or less                                            20
long       it lasted 10 minutes or more                                      10, and 1 for every
                                                                             further minute, at
                                                                             most 40
========== ================================================================= ====================
"""

import heapq
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from bot.polyai.normalization import CallSummary
from bot.polyai.payloads import is_chat

CUT_SHORT_SECONDS: Final = 10
LONG_SECONDS: Final = 600
LEAST_QUIET_TURNS: Final = 3
MAX_LONG_POINTS: Final = 40
MAX_NOTABLE: Final = 20
MAX_LISTED_NOTABLE: Final = 10


class Mark(StrEnum):
    """Why a call is notable."""

    HANDED_OFF = "handed_off"
    SILENT = "silent"
    QUIET = "quiet"
    CUT_SHORT = "cut_short"
    LONG = "long"


@dataclass(frozen=True, slots=True)
class NotableCall:
    """A call, its marks, and their points."""

    call: CallSummary
    marks: tuple[Mark, ...]
    points: int


def score(call: CallSummary) -> NotableCall:
    """Score a call."""
    if call.in_progress or is_chat(call.channel):
        return NotableCall(call, (), 0)
    weights = {
        Mark.HANDED_OFF: 30 if call.handoff else 0,
        Mark.SILENT: 25 if is_silent(call) else 0,
        Mark.QUIET: 15 if _is_quiet(call) else 0,
        Mark.CUT_SHORT: 20 if is_cut_short(call) else 0,
        Mark.LONG: _long_points(call.length_seconds or 0),
    }
    marks = tuple(mark for mark, points in weights.items() if points)
    return NotableCall(call, marks, sum(weights.values()))


def is_silent(call: CallSummary) -> bool:
    """Return whether the caller never said anything; unknown counts as no."""
    return bool(call.turns and call.silences is not None and call.silences >= call.turns)


def is_cut_short(call: CallSummary) -> bool:
    """Return whether the call ended almost at once; unknown counts as no."""
    return call.length_seconds is not None and call.length_seconds <= CUT_SHORT_SECONDS


def _is_quiet(call: CallSummary) -> bool:
    if not call.turns or call.silences is None or is_silent(call):
        return False
    return call.silences >= LEAST_QUIET_TURNS and call.silences * 3 >= call.turns


def _long_points(length_seconds: int) -> int:
    if length_seconds < LONG_SECONDS:
        return 0
    return min(MAX_LONG_POINTS, 10 + (length_seconds - LONG_SECONDS) // 60)


class MostNotable:
    """Keeps the calls with the most points, in bounded memory; ties go to the later call."""

    def __init__(self, limit: int = MAX_NOTABLE) -> None:
        self._limit = limit
        self._kept: list[tuple[tuple[int, datetime, str], int, NotableCall]] = []
        self._seen = 0

    def add(self, call: CallSummary) -> None:
        """Keep the call if its score is among the highest so far."""
        scored = score(call)
        if not scored.points:
            return
        self._seen += 1
        rank = (scored.points, call.started_at, call.conversation_id)
        entry = (rank, self._seen, scored)
        if len(self._kept) < self._limit:
            heapq.heappush(self._kept, entry)
        elif rank > self._kept[0][0]:
            heapq.heapreplace(self._kept, entry)

    def best_first(self) -> tuple[NotableCall, ...]:
        """List the kept calls."""
        ordered = sorted(self._kept, key=lambda entry: entry[0], reverse=True)
        return tuple(notable for _, _, notable in ordered)
