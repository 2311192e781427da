"""Compares a redacted recording with the raw one while both arrive, in bounded memory.

Samples are not kept: the outcome has only spans, counts and levels.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from bot.recordings.audio.spans import Span
from bot.recordings.audio.wav_header import WavHeader
from bot.recordings.redaction.audio_comparison import AudioComparison, begin_comparison
from bot.recordings.redaction.body import Body
from bot.recordings.redaction.outcome import Comparison, Uncertainty, inconclusive

SHORT_HEADER_BYTES: Final = 1024
"""Too short for intelligible sound: a tenth of a second at the lowest rate."""


async def compare_streams(
    raw: AsyncIterator[bytes], redacted: AsyncIterator[bytes], must_be_muted: Sequence[Span] = ()
) -> Comparison:
    """Compare two bodies, reading from the one that is behind; raises what reading them raises."""
    comparator = Comparator(must_be_muted)
    sides = {comparator.raw: raw, comparator.redacted: redacted}
    while (body := comparator.next_body()) is not None:
        try:
            piece = await anext(sides[body])
        except StopAsyncIteration:
            body.end()
        else:
            body.feed(piece)
        comparator.work()
    return comparator.finish()


class Comparator:
    """Compares two bodies; the caller feeds the one that ``next_body`` returns.

    Attributes:
        raw, redacted: the bodies to feed and to end.
    """

    def __init__(self, must_be_muted: Sequence[Span] = ()) -> None:
        self.raw, self.redacted = Body(), Body()
        self._must_be_muted = must_be_muted
        self._audio: AudioComparison | None = None
        self._uncertainty: Uncertainty | None = None

    def next_body(self) -> Body | None:
        """Return the body to feed next, to bound the buffers; None: the outcome is certain."""
        if self._uncertainty:
            return None
        going_on = [each for each in (self.raw, self.redacted) if not each.has_ended]
        unread = [each for each in going_on if each.header is None]
        return min(unread or going_on, key=lambda each: len(each.audio), default=None)

    def work(self) -> None:
        """Compare what has arrived of both."""
        if self._audio is None:
            self._begin()
        if self._audio:
            self._audio.work(self.raw, self.redacted)

    def finish(self) -> Comparison:
        """Return the outcome; both bodies have ended, or ``next_body`` said that it is enough."""
        self.work()
        if self._audio is None:
            return inconclusive(self._uncertainty or Uncertainty.BROKEN_OFF)
        self._audio.finish(self.raw, self.redacted)
        return self._audio.outcome(self._uncertainty_of_bodies(), self.redacted.sha256)

    def _begin(self) -> None:
        if not (self.raw.is_wav and self.redacted.is_wav):
            self._uncertainty = Uncertainty.NOT_WAV
            return
        raw, redacted = self.raw.header, self.redacted.header
        if raw is None or redacted is None:
            return
        if _encoding(raw) != _encoding(redacted):
            self._uncertainty = Uncertainty.ENCODING
            return
        self._audio = begin_comparison(redacted, self._must_be_muted)
        if self._audio is None:
            self._uncertainty = Uncertainty.FORMAT

    def _uncertainty_of_bodies(self) -> Uncertainty | None:
        raw, redacted = self.raw, self.redacted
        if raw.is_cut or redacted.is_cut:
            return Uncertainty.BROKEN_OFF
        if redacted.has_second_data or raw.has_second_data:
            return Uncertainty.SECOND_DATA
        if raw.rest != redacted.rest:
            return Uncertainty.TRAILER
        # The sizes of the file and of its audio may differ; those of the audio are compared.
        if len(redacted.prefix) > SHORT_HEADER_BYTES and raw.prefix[8:-4] != redacted.prefix[8:-4]:
            return Uncertainty.LONG_HEADER
        return None


def _encoding(header: WavHeader) -> tuple[int, int, int, int, bool]:
    return (
        header.format_tag,
        header.channels,
        header.sample_rate_hz,
        header.bits_per_sample,
        header.container == "RIFX",
    )
