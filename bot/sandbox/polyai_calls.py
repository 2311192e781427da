"""The calls of the stand-in PolyAI, and the bytes of their recordings."""

import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from random import Random
from typing import Any, Literal, Self

from bot.sandbox import recordings
from bot.sandbox.recordings import Direction

_PIECE_BYTES = 256 * 1024
_SPAN_BYTES = 8192
_HEADER_BYTES = 44


KeyKind = Literal["plain", "raw", "platform", "unknown"]


class Shape(StrEnum):
    """How the audio answer is framed, the size in its header, and its faults.

    Shapes up to ``SLOW`` are valid; the rest are faults.
    """

    CONTENT_LENGTH = "content_length"
    CHUNKED = "chunked"
    CHUNKED_SIZES_UNKNOWN = "chunked_sizes_unknown"
    CHUNKED_SIZES_ZERO = "chunked_sizes_zero"
    CHUNKED_SIZES_HUGE = "chunked_sizes_huge"
    TO_THE_END = "to_the_end"
    """Neither a length nor chunks: the end of the connection ends it, as in HTTP/1.0."""
    RIFF_SIZE_OF_FILE = "riff_size_of_file"
    RIFF_SAYS_MORE = "riff_says_more"
    RIFF_SAYS_LESS = "riff_says_less"
    TRAILER = "trailer"
    OVERLONG = "overlong"
    SLOW = "slow"
    TRICKLE = "trickle"
    TRUNCATED = "truncated"
    CHUNKED_CUT = "chunked_cut"
    TO_THE_END_CUT = "to_the_end_cut"
    EMPTY_DATA = "empty_data"
    HTML = "html"
    JSON = "json"
    EMPTY = "empty"
    NOT_RIFF = "not_riff"
    GZIP = "gzip"
    REDIRECT = "redirect"


@dataclass(frozen=True)
class Recording:
    """The audio of one call; ``speech()``, ``synthetic(size)`` or ``of(raw, redacted)``."""

    raw: bytes | None = field(default=None, repr=False)
    redacted: bytes | None = field(default=None, repr=False)
    synthetic_bytes: int = 0

    @classmethod
    def speech(cls) -> Self:
        """The committed twelve seconds of speech."""
        return cls()

    @classmethod
    def synthetic(cls, size_bytes: int) -> Self:
        """A WAV of exactly this size, generated while it is sent; the same noise every time."""
        if size_bytes < _HEADER_BYTES + 2 * _SPAN_BYTES:
            raise ValueError("too small to hold a raw span")
        return cls(synthetic_bytes=size_bytes)

    @classmethod
    def of(cls, raw: bytes, redacted: bytes) -> Self:
        """These files, for every direction."""
        return cls(raw, redacted)

    def length(self, direction: Direction, *, redacted: bool) -> int:
        """The size of the WAV file in bytes."""
        if self.synthetic_bytes:
            return self.synthetic_bytes
        return len(self._file(direction, redacted=redacted))

    def pieces(self, direction: Direction, *, redacted: bool) -> Iterator[bytes]:
        """The WAV file, piece by piece."""
        if self.synthetic_bytes:
            return _synthetic(self.synthetic_bytes, redacted=redacted or direction == "agent")
        file = self._file(direction, redacted=redacted)
        return (file[at : at + _PIECE_BYTES] for at in range(0, len(file), _PIECE_BYTES))

    def raw_span(self, direction: Direction = "combined") -> bytes:
        """Bytes that only the raw version contains; empty for the agent's side."""
        if self.synthetic_bytes:
            return b"" if direction == "agent" else _noise(_SPAN_BYTES, seed=1)
        return recordings.raw_span(direction) if self.raw is None else b""

    def _file(self, direction: Direction, *, redacted: bool) -> bytes:
        given = self.redacted if redacted else self.raw
        return recordings.load(direction, redacted=redacted) if given is None else given


def _synthetic(size: int, *, redacted: bool) -> Iterator[bytes]:
    data = size - _HEADER_BYTES
    span = bytes(_SPAN_BYTES) if redacted else _noise(_SPAN_BYTES, seed=1)
    noise = _noise(_PIECE_BYTES, seed=2)
    yield wav_header(data) + span
    left, number = data - _SPAN_BYTES, 0
    while left:
        # The number makes every piece different, so that a lost or moved piece is noticed.
        piece = (number.to_bytes(8, "little") + noise[8:])[:left]
        yield piece
        left, number = left - len(piece), number + 1


def _noise(size: int, *, seed: int) -> bytes:
    return Random(seed).randbytes(size)  # noqa: S311 - audible noise, the same every time


def wav_header(data_bytes: int) -> bytes:
    """The 44 bytes before 8 kHz 16-bit mono PCM."""
    rate, width = 8000, 2
    form = struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * width, width, 8 * width)
    sizes = [struct.pack("<I", size) for size in (data_bytes + 36, data_bytes)]
    return b"RIFF" + sizes[0] + b"WAVEfmt " + form + b"data" + sizes[1]


SAID = (
    ("", "Thank you for calling the clinic. What is your name?"),
    ("this is Marigold Featherstonehaugh", "And the number I can reach you on?"),
    ("oh seven seven double zero, nine hundred one two three", "Your visit is on Tuesday at ten."),
    ("", "Is there anything else?"),
    ("no, that is all", "Goodbye."),
)
"""Turns as pairs: the caller's words, then the agent's; the name is made up."""


@dataclass(frozen=True)
class PolyCall:
    """One conversation; ``row`` and ``platform_row`` override or add fields of its list rows."""

    conversation_id: str
    agent_id: str = "PROJECT-SANDBOX"
    recording: Recording | None = None
    """None: the call has no recording."""
    shape: Shape = Shape.CONTENT_LENGTH
    channel: str = "VOICE-SIP"
    started_at: datetime = datetime(2026, 6, 3, 13, 18, 6, 370000, tzinfo=UTC)
    finished_at: datetime | None = None
    from_number: str | None = "+441234567890"
    handoff: bool = False
    in_progress: bool = False
    pause_seconds: float = 0.05
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers that replace those of the audio answer."""
    said: tuple[tuple[str | None, str | None], ...] = SAID
    row: Mapping[str, Any] = field(default_factory=dict)
    platform_row: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """One request to PolyAI, and its status; 0: a fault lost the answer."""

    method: str
    path: str
    query: Mapping[str, str]
    headers_without_key: Mapping[str, str]
    key_kind: KeyKind
    status: int
    correlation_id: str
    at: float = field(default_factory=time.time)
