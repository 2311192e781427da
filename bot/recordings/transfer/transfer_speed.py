"""The minimum speed of a transfer: a slower one is ended, because others wait for its slot."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from bot.errors import CallAudioError

ANSWER_SECONDS: Final = 150.0
"""Slack may take this long to answer after all bytes; the HTTP client waits less."""


class SourceTooSlow(CallAudioError):
    """PolyAI sends too slowly."""

    code = "source_too_slow"
    what = "The recording arrives too slowly from PolyAI."
    likely_cause = "PolyAI or the network is slow at the moment."
    fix = "Try again in a few minutes; `callaudio doctor` shows whether PolyAI can be reached."
    retryable = True


class UploadTooSlow(CallAudioError):
    """Slack receives too slowly."""

    code = "upload_too_slow"
    what = "Slack takes the recording too slowly."
    likely_cause = "Slack or the network is slow at the moment."
    fix = "Try again in a few minutes."
    retryable = True


@dataclass(frozen=True, slots=True)
class MinimumSpeed:
    """The minimum speed: a stall uses up the grace, and transferred bytes earn it back.

    So a transfer stalls no longer than the grace, and lasts no longer than the grace plus the time
    for its size at this speed. The default is four times real time (8 kHz, 16 bits).
    """

    bytes_per_second: float = 64 * 1024
    grace_seconds: float = 60.0

    def next_end(self, end: float, now: float, moved_bytes: int) -> float:
        """Return from when on it is too slow, by a clock in seconds."""
        return min(now + self.grace_seconds, end + moved_bytes / self.bytes_per_second)


class Arrival:
    """The pieces of a recording as they arrive; measures the speed of each side."""

    def __init__(self, pieces: AsyncIterator[bytes], minimum_speed: MinimumSpeed) -> None:
        self._pieces = pieces
        self._minimum_speed = minimum_speed
        self._deadline = asyncio.timeout(None)
        self._ends_at = 0.0
        self._source_is_waited_for = False

    @asynccontextmanager
    async def kept_up(self) -> AsyncIterator[None]:
        """Cancel the context when the transfer is too slow.

        Raises:
            SourceTooSlow, UploadTooSlow: the side that was too slow.
        """
        self._ends_at = asyncio.get_running_loop().time() + self._minimum_speed.grace_seconds
        self._deadline = deadline = asyncio.timeout_at(self._ends_at)
        try:
            async with deadline:
                yield
        except TimeoutError:
            if not deadline.expired():
                raise
            raise (SourceTooSlow if self._source_is_waited_for else UploadTooSlow) from None

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return itself, because it can be read only once."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece, and set the deadline for one more."""
        now = asyncio.get_running_loop().time
        self._source_is_waited_for = True
        try:
            piece = await anext(self._pieces)
        except StopAsyncIteration:
            self._source_is_waited_for = False
            self._end_at(now() + ANSWER_SECONDS)
            raise
        self._source_is_waited_for = False
        self._end_at(self._minimum_speed.next_end(self._ends_at, now(), len(piece)))
        return piece

    def _end_at(self, when: float) -> None:
        self._ends_at = when
        if not self._deadline.expired():
            self._deadline.reschedule(when)
