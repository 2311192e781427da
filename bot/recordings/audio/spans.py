"""Spans of a recording, such as silence: their exact number and length, and a bounded list."""

from dataclasses import dataclass
from typing import Final

MAX_SPANS: Final = 100
"""More than a picture can show separately, and than a person reads."""


@dataclass(frozen=True, slots=True)
class Span:
    """Start and end, in seconds from the start of the recording."""

    start_seconds: float
    end_seconds: float


@dataclass(frozen=True, slots=True)
class SpanSummary:
    """The spans of a recording.

    Attributes:
        count: their number.
        seconds: their total length.
        kept: the spans; beyond ``MAX_SPANS`` the nearest neighbours are merged.
    """

    count: int
    seconds: float
    kept: tuple[Span, ...]

    @property
    def all_kept(self) -> bool:
        """Whether ``kept`` contains each of them separately."""
        return self.count == len(self.kept)


class SpanCollector:
    """Collects spans in frames, in chronological order."""

    def __init__(self) -> None:
        self._count = 0
        self._frames = 0
        self._kept: list[tuple[int, int]] = []

    def add(self, start: int, end: int) -> None:
        """Add the span from frame ``start`` up to, not including, ``end``."""
        self._count += 1
        self._frames += end - start
        self._kept.append((start, end))
        if len(self._kept) >= 2 * MAX_SPANS:
            self._kept = _thinned(self._kept)

    def spans(self, sample_rate_hz: int) -> SpanSummary:
        """Return the collected spans, in seconds."""
        kept = (
            Span(start / sample_rate_hz, end / sample_rate_hz)
            for start, end in _thinned(self._kept)
        )
        return SpanSummary(self._count, self._frames / sample_rate_hz, tuple(kept))


def _thinned(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Merge the nearest neighbours until few enough are left."""
    if len(spans) <= MAX_SPANS:
        return spans
    by_gap = sorted(range(1, len(spans)), key=lambda at: spans[at - 1][1] - spans[at][0])
    starts = [0, *sorted(by_gap[: MAX_SPANS - 1])]
    ends = [*(at - 1 for at in starts[1:]), len(spans) - 1]
    return [(spans[first][0], spans[last][1]) for first, last in zip(starts, ends, strict=True)]
