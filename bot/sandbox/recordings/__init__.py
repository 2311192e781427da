"""A short invented call in both versions, with synthetic speech (see ``make.sh``)."""

from functools import lru_cache
from importlib.resources import files
from typing import Literal

Direction = Literal["combined", "user", "agent"]

RAW_SPAN: bytes
"""PCM of the spoken card number: in the raw files only (read from disk on first use)."""

_HEADER_BYTES = 44
_SPAN_BYTES = 8192
_FILE_STEM = {"combined": "combined", "user": "caller"}


def __getattr__(name: str) -> bytes:
    """Read ``RAW_SPAN`` on first use, so that importing this module reads nothing."""
    if name == "RAW_SPAN":
        return raw_span("combined")
    raise AttributeError(name)


@lru_cache
def load(direction: Direction, *, redacted: bool) -> bytes:
    """Return the WAV file of one side of the call; nothing on the agent's side is redacted."""
    if direction == "agent":
        name = "agent.wav"
    else:
        name = f"{_FILE_STEM[direction]}-{'redacted' if redacted else 'raw'}.wav"
    return files(__name__).joinpath(name).read_bytes()


@lru_cache
def raw_span(direction: Direction) -> bytes:
    """Return 8 KiB from the middle of the muted span; empty for the agent's side."""
    raw, redacted = load(direction, redacted=False), load(direction, redacted=True)
    if raw == redacted:
        return b""
    differing = [at for at in range(_HEADER_BYTES, len(raw)) if raw[at] != redacted[at]]
    middle = (differing[0] + differing[-1]) // 2
    return raw[middle - _SPAN_BYTES // 2 : middle + _SPAN_BYTES // 2]
