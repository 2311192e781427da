import io
import wave

import pytest

from bot.sandbox import recordings
from bot.sandbox.page.own_call import MOST_BYTES, NoRecordingError, OwnCalls, muted, read_spans
from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.render.waveform import muted_spans, waveform
from tests.tables import each_row

SPEECH = recordings.load("combined", redacted=False)


def wav(width, channels=1, seconds=4, rate=8000):
    """A WAV without a silent sample, whatever its width."""
    target = io.BytesIO()
    with wave.open(target, "wb") as audio:
        audio.setparams((channels, width, rate, 0, "NONE", ""))
        audio.writeframes(b"\x31" * (width * channels * rate * seconds))
    return target.getvalue()


@each_row(
    ("text", "spans"),
    [("", []), (" , ", []), ("1-2", [(1, 2)]), ("1.5 - 3, 7-9.25", [(1.5, 3), (7, 9.25)])],
)
def test_spans_are_read_in_seconds(text, spans):
    assert read_spans(text) == spans


@each_row("text", ["2", "2-1", "1-1", "a-b", "1-2 3-4", "-1-2", ",".join(["1-2"] * 51)])
def test_an_invalid_span_is_reported(text):
    with pytest.raises(NoRecordingError, match=r"such as 1\.5-3, 7-9"):
        read_spans(text)


@each_row(
    "file",
    [wav(1), wav(2), wav(2, channels=2), wav(3), wav(4)],
    ids=["8-bit", "16-bit", "stereo", "24-bit", "32-bit"],
)
def test_only_the_spans_are_muted(file):
    redacted = muted(file, [(1, 1.5), (3.5, 99)])
    assert len(redacted) == len(file)
    assert muted_spans(file, redacted) == [(1, 1.5), (3.5, 4)]
    assert redacted[:44] == file[:44]


def test_pauses_within_a_muted_span_do_not_split_it():
    ((begin, end),) = muted_spans(SPEECH, recordings.load("combined", redacted=True))
    assert (round(begin, 1), round(end, 1)) == (5.4, 10.6)


def test_the_picture_marks_what_is_muted_and_says_so():
    drawn = waveform(SPEECH, [(3, 6)], "muted: 3.0 to 6.0 s")
    assert drawn.count('class="muted"') == 1
    assert 'aria-label="muted: 3.0 to 6.0 s"' in drawn


@each_row(
    ("file", "words"),
    [
        (b"", "no WAV"),
        (b"RIFF", "no WAV"),
        (b"ID3\x04 an MP3", "no WAV"),
        (wav(2, seconds=0), "no sound"),
        (bytes(MOST_BYTES + 1), "more than 32 MB"),
    ],
    ids=["nothing", "cut", "other", "empty", "large"],
)
def test_a_file_that_is_not_a_recording_is_reported(file, words):
    with pytest.raises(NoRecordingError, match=words):
        muted(file, [])


def test_only_the_newest_recording_is_kept():
    calls = OwnCalls(PolyAISandbox(), "PROJECT-SANDBOX")
    first, second = calls.add(SPEECH, ""), calls.add(SPEECH, "1-2")
    assert first != second
    ((_, kept),) = calls.polyai.calls
    assert kept == second
