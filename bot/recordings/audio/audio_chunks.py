"""Extracts the audio from the chunks of a WAV body; usually, but not always, one chunk has it."""

import struct
from collections.abc import Iterator
from typing import Final

from bot.recordings.audio.wav_header_parser import known_size

HEADING: Final = struct.Struct("<4sI")


class AudioChunks:
    """Reads the body after its header piece by piece and returns the audio in it.

    Chunks of other kinds, and bytes outside of chunks, are skipped.
    """

    def __init__(self, data_bytes: int | None, frame_bytes: int) -> None:
        self._frame_bytes = frame_bytes
        self._heading = b""
        self._skipped = 0
        """Bytes to skip after the expected audio."""
        self._left: int | None = 0
        """Bytes of audio still expected; None: everything that follows is audio."""
        self._expect_audio(data_bytes)

    def audio_in(self, piece: memoryview) -> Iterator[memoryview]:
        """Return the parts of the next piece that are audio."""
        while piece:
            if self._left is None:
                yield piece
                return
            if self._left:
                audio, piece = piece[: self._left], piece[self._left :]
                self._left -= len(audio)
                yield audio
            elif self._skipped:
                count = min(self._skipped, len(piece))
                self._skipped -= count
                piece = piece[count:]
            else:
                count = HEADING.size - len(self._heading)
                self._heading += piece[:count]
                piece = piece[count:]
                self._begin_chunk()

    def _begin_chunk(self) -> None:
        if len(self._heading) < HEADING.size:
            return
        name, size = HEADING.unpack(self._heading)
        self._heading = b""
        if name == b"data" and size:
            self._expect_audio(known_size(size))
        else:
            self._skipped = size + size % 2

    def _expect_audio(self, size: int | None) -> None:
        if size is None:
            self._left = None
            return
        # An incomplete frame at the end of a chunk would shift all samples of the next one.
        self._skipped = size % self._frame_bytes
        self._left = size - self._skipped
        self._skipped += size % 2  # chunks start on even bytes
