"""A WAV of the user's own as a call's recording; only the newest is kept, in memory only."""

import io
import re
import uuid
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.sandbox.polyai_calls import Recording
from bot.sandbox.polyai_server import PolyAISandbox

MOST_BYTES: Final = 32 * 2**20
MOST_SPANS: Final = 50
_SPAN = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)\s*-\s*(\d{1,5}(?:\.\d{1,3})?)")
_EIGHT_BITS_OF_SILENCE = b"\x80"

Span = tuple[float, float]


class NoRecordingError(Exception):
    """The file is not a usable recording; the message says why."""


@dataclass
class OwnCalls:
    """Creates calls from files that are dropped on the page."""

    polyai: PolyAISandbox
    agent_id: str
    newest: str = ""

    def add(self, wav: bytes, spans: str) -> str:
        """Create a call with this recording in place of the previous one; returns its id.

        Raises:
            NoRecordingError: it is not a PCM WAV, is too large, or the spans are invalid.
        """
        recording = Recording.of(wav, muted(wav, read_spans(spans)))
        self.polyai.calls.pop((self.agent_id, self.newest), None)
        self.newest = f"CA{uuid.uuid4().hex}"
        self.polyai.add_call(self.newest, agent_id=self.agent_id, recording=recording)
        return self.newest


def read_spans(text: str) -> Sequence[Span]:
    """Read spans in seconds, such as ``1.5-3, 7-9``.

    Raises:
        NoRecordingError: the text holds something else.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    found = [_SPAN.fullmatch(part) for part in parts]
    spans = [(float(each[1]), float(each[2])) for each in found if each]
    is_wrong = len(spans) < len(parts) or any(begin >= end for begin, end in spans)
    if is_wrong or len(spans) > MOST_SPANS:
        raise NoRecordingError("Write spans in seconds, such as 1.5-3, 7-9.")
    return spans


def muted(wav: bytes, spans: Sequence[Span]) -> bytes:
    """Write silence over the spans.

    Raises:
        NoRecordingError: it is not a WAV with PCM samples, or is too large.
    """
    if len(wav) > MOST_BYTES:
        raise NoRecordingError(f"That is more than {MOST_BYTES // 2**20} MB.")
    try:
        with wave.open(io.BytesIO(wav)) as audio:
            rate, frame = audio.getframerate(), audio.getnchannels() * audio.getsampwidth()
            width, length = audio.getsampwidth(), audio.getnframes() * frame
            samples = audio.readframes(audio.getnframes())
    except (wave.Error, EOFError, ZeroDivisionError):
        raise NoRecordingError("That is no WAV with plain (PCM) samples.") from None
    begins = wav.find(samples) if samples else -1
    if begins < 0 or rate <= 0:
        raise NoRecordingError("There is no sound in it.")
    silence = _EIGHT_BITS_OF_SILENCE if width == 1 else b"\0"
    changed = bytearray(wav)
    for begin, end in spans:
        first, last = (begins + min(round(at * rate) * frame, length) for at in (begin, end))
        changed[first:last] = silence * (last - first)
    return bytes(changed)
