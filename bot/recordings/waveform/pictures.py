"""Makes the picture of a recording during its transfer; its failure never fails the recording."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.polyai.payloads import Direction
from bot.recordings.audio.spans import SpanSummary
from bot.recordings.deliveries.delivery import Delivery
from bot.recordings.deliveries.naming import picture_name
from bot.recordings.deliveries.slack_files import upload_bytes
from bot.recordings.deliveries.slack_port import NewFile, SlackPort

if TYPE_CHECKING:  # only workers load numpy, not web processes
    from bot.recordings.waveform.scan import Waveform, WaveformScan

log = get_logger(__name__)

Draw = Callable[["Waveform", str | None], bytes]

PICTURE_SECONDS: Final = 20.0
"""The maximum time that a recording waits for its picture."""


class Pictures:
    """Makes pictures; one is drawn at a time."""

    def __init__(self, *, slack: SlackPort, draw: "Draw | None" = None) -> None:
        self._slack = slack
        self._draw_outline = draw or draw_png
        self._drawing = asyncio.Lock()

    async def begin(self, delivery: Delivery, size_bytes: int) -> "Picture":
        """Start watching a recording of this size."""
        scan = await asyncio.to_thread(_new_scan)
        return Picture(self, delivery, scan, size_bytes)

    async def make(self, delivery: Delivery, outline: "Waveform") -> str | None:
        """Draw and upload an invisible picture; returns its file id, None if that failed."""
        try:
            async with asyncio.timeout(PICTURE_SECONDS):
                async with self._drawing:
                    word = word_for_silence(delivery.direction, raw=delivery.is_raw)
                    png = await asyncio.to_thread(self._draw_outline, outline, word)
                file = NewFile(picture_name(delivery), len(png))
                return await upload_bytes(self._slack, file, png)
        except (CallAudioError, TimeoutError) as error:
            code = error.code if isinstance(error, CallAudioError) else "picture_too_slow"
            log.warning("picture_left_out", delivery_id=delivery.id, code=code)
        except Exception:
            log.exception("picture_broke", delivery_id=delivery.id)
        return None


class Picture:
    """Watches one recording, and is drawn after its last byte.

    Attributes:
        outline: the outline; None until it is complete, or if it cannot be drawn.
    """

    def __init__(
        self, pictures: Pictures, delivery: Delivery, scan: "WaveformScan", size_bytes: int
    ) -> None:
        self.outline: Waveform | None = None
        self._pictures = pictures
        self._delivery = delivery
        self._scan: WaveformScan | None = scan
        self._left_bytes = size_bytes
        self._making: asyncio.Task[str | None] | None = None

    def see(self, piece: bytes) -> None:
        """Add the next piece; the relay's ``Watcher``."""
        if self._scan is None:
            return
        self._left_bytes -= len(piece)
        try:
            self._scan.feed(piece)
            if not self._left_bytes:
                self.outline = self._scan.finish()
        except Exception:
            log.exception("waveform_broke", delivery_id=self._delivery.id)
            self._scan = None
        if self.outline and not self._delivery.without_picture:
            self._making = asyncio.create_task(self._pictures.make(self._delivery, self.outline))

    async def file_id(self, within_seconds: float | None = None) -> str | None:
        """Wait for the upload; returns its file id, None if it failed or takes too long."""
        if self._making is None:
            return None
        done, _ = await asyncio.wait({self._making}, timeout=within_seconds)
        return self._making.result() if done else None

    async def drop(self) -> None:
        """Cancel the drawing and the upload."""
        if self._making:
            self._making.cancel()
            await asyncio.wait({self._making})


def word_for_silence(direction: Direction, *, raw: bool) -> str | None:
    """Classify stretches of digital silence as far as possible; None: only silence.

    PolyAI redacts by muting, and a telephone line always has noise, so silence of both sides
    together means a mute. A single side may be synthetic speech with digital silence between
    sentences; there a pause and a mute are indistinguishable.
    """
    if raw:
        return None
    return "muted" if direction is Direction.COMBINED else "silent or muted"


def muted_in(delivery: Delivery, outline: "Waveform | None") -> SpanSummary | None:
    """Return where the recording was muted; None if that is unknown."""
    word = word_for_silence(delivery.direction, raw=delivery.is_raw)
    return outline.silences if outline and word == "muted" else None


def _new_scan() -> "WaveformScan":
    from bot.recordings.waveform.scan import WaveformScan  # noqa: PLC0415 - see TYPE_CHECKING

    return WaveformScan()


def draw_png(outline: "Waveform", word: str | None) -> bytes:
    """Draw a PNG; stretches of silence are shaded if they have a label."""
    from bot.recordings.waveform.drawing import draw  # noqa: PLC0415 - see TYPE_CHECKING

    return draw(outline, word)
