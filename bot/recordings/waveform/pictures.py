"""The picture beside a recording: watched for, drawn, uploaded; a recording never fails for it."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from bot.errors import CallAudioError
from bot.logs import get_logger
from bot.polyai.payloads import Direction
from bot.recordings.posting import NewFile, Posting, upload_bytes
from bot.recordings.record import Delivery, DeliveryLog
from bot.recordings.waveform.spans import Spans
from bot.store.tables import DeliveryRow

if TYPE_CHECKING:  # numpy is loaded by those who work, not by those who listen
    from bot.recordings.waveform.scan import WaveformScan
    from bot.recordings.waveform.shape import Waveform

log = get_logger(__name__)

Draw = Callable[["Waveform", str | None], bytes]

PICTURE_SECONDS: Final = 20.0
"""The recording waits no longer for its picture."""


class Watch:
    """Sees one recording go by."""

    def __init__(self, scan: "WaveformScan") -> None:
        self._scan: WaveformScan | None = scan

    def see(self, piece: bytes) -> None:
        """Take the next piece; the relay's ``Watcher``."""
        if self._scan is None:
            return
        try:
            self._scan.feed(piece)
        except Exception:
            log.exception("waveform_broke")
            self._scan = None

    def outline(self) -> "Waveform | None":
        """Tell what was seen; None where that cannot be drawn."""
        if self._scan is None:
            return None
        try:
            return self._scan.finish()
        except Exception:
            log.exception("waveform_broke")
            return None


class Pictures:
    """Makes the pictures, one at a time."""

    def __init__(
        self,
        *,
        deliveries: DeliveryLog,
        posting: Posting,
        draw: "Draw | None" = None,
        limit_seconds: float = PICTURE_SECONDS,
    ) -> None:
        self._deliveries = deliveries
        self._posting = posting
        self._draw_outline = draw or draw_png
        self._limit_seconds = limit_seconds
        self._drawing = asyncio.Lock()

    async def watch(self) -> Watch:
        """Begin to watch a recording."""
        return Watch(await asyncio.to_thread(_new_scan))

    async def attach(
        self, delivery: Delivery, file_id: str, name: str, outline: "Waveform"
    ) -> None:
        """Draw and upload the picture of the upload ``file_id``, for the share to take it along.

        Where that does not succeed the recording goes without. Once a share was tried it is too
        late: what is visible must be what the store knows.
        """
        try:
            async with asyncio.timeout(self._limit_seconds):
                picture = await self._draw(delivery, outline)
                file = NewFile(name, len(picture))
                picture_id = await upload_bytes(self._posting, file, picture)
        except (CallAudioError, TimeoutError) as error:
            code = error.code if isinstance(error, CallAudioError) else "picture_too_slow"
            log.warning("picture_left_out", delivery_id=delivery.id, code=code)
        except Exception:
            log.exception("picture_broke", delivery_id=delivery.id)
        else:
            await self._deliveries.change(
                delivery,
                {"picture_file_id": picture_id},
                when=(DeliveryRow.file_id == file_id) & DeliveryRow.share_tried_at.is_(None),
            )

    async def _draw(self, delivery: Delivery, outline: "Waveform") -> bytes:
        async with self._drawing:
            word = word_for_silence(delivery.direction, raw=delivery.is_raw)
            return await asyncio.to_thread(self._draw_outline, outline, word)


def word_for_silence(direction: Direction, *, raw: bool) -> str | None:
    """Name stretches of digital silence as far as can be told what they are; None: only silence.

    PolyAI redacts by muting, and a telephone line is never without noise: in both sides together
    such a stretch was muted. One side alone may have been put together from what was spoken, as
    synthetic speech is, with nothing in between; there a pause and a mute are the same zeros.
    """
    if raw:
        return None
    return "muted" if direction is Direction.COMBINED else "silent or muted"


def muted_in(delivery: Delivery, outline: "Waveform | None") -> Spans | None:
    """Tell where the recording was muted; None where that cannot be told."""
    word = word_for_silence(delivery.direction, raw=delivery.is_raw)
    return outline.silences if outline and word == "muted" else None


def _new_scan() -> "WaveformScan":
    from bot.recordings.waveform.scan import WaveformScan  # noqa: PLC0415 - see TYPE_CHECKING

    return WaveformScan()


def draw_png(outline: "Waveform", word: str | None) -> bytes:
    """Draw a PNG; stretches of silence are shaded where there is a word for them."""
    from bot.recordings.waveform.drawing import Marks, draw  # noqa: PLC0415 - see TYPE_CHECKING

    return draw(outline, Marks(word, outline.silences.kept) if word else None)
