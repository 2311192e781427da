"""A short invented call in both versions, with synthetic speech (see ``make.sh``)."""

from functools import lru_cache
from importlib.resources import files
from typing import Literal

Direction = Literal["combined", "user", "agent"]

_HEADER_BYTES = 44
_SPAN_BYTES = 8192
_FILE_STEM = {"combined": "combined", "user": "caller"}


@lru_cache
def load(direction: Direction, *, redacted: bool) -> bytes:
    """Return the WAV file of one side of the call; nothing on the agent's side is redacted."""
    if direction == "agent":
        name = "agent.wav"
    else:
        name = f"{_FILE_STEM[direction]}-{'redacted' if redacted else 'raw'}.wav"
    return files(__name__).joinpath(name).read_bytes()


@lru_cache
def raw_span(direction: Direction = "combined") -> bytes:
    """Return 8 KiB of the spoken card number, which is in raw files only; empty for the agent."""
    raw, redacted = load(direction, redacted=False), load(direction, redacted=True)
    if raw == redacted:
        return b""
    differing = [at for at in range(_HEADER_BYTES, len(raw)) if raw[at] != redacted[at]]
    middle = (differing[0] + differing[-1]) // 2
    return raw[middle - _SPAN_BYTES // 2 : middle + _SPAN_BYTES // 2]
