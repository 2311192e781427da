import io
import wave

import pytest

from bot.sandbox.recordings import load, raw_span


@pytest.mark.parametrize("direction", ["combined", "user"])
def test_the_secret_is_in_the_raw_files_only(direction):
    raw, redacted = load(direction, redacted=False), load(direction, redacted=True)
    assert len(raw_span(direction)) >= 4096
    assert raw_span(direction) in raw
    assert raw_span(direction) not in redacted
    at = raw.index(raw_span(direction))
    assert redacted[at : at + len(raw_span(direction))].strip(b"\0") == b""


def test_the_agent_says_nothing_secret():
    assert load("agent", redacted=True) == load("agent", redacted=False)
    assert raw_span() not in load("agent", redacted=False)
    assert raw_span("agent") == b""


@pytest.mark.parametrize("direction", ["combined", "user", "agent"])
def test_files_are_small_telephone_wavs_of_one_length(direction):
    file = load(direction, redacted=False)
    assert len(file) < 200_000
    with wave.open(io.BytesIO(file)) as wav:
        assert (wav.getframerate(), wav.getsampwidth(), wav.getnchannels()) == (8000, 2, 1)
        assert len(file) == 44 + 2 * wav.getnframes() == len(load("combined", redacted=True))
