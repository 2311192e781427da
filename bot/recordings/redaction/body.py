"""One of the two compared bodies as it arrives: header, audio, and the bytes after it."""

import hashlib
from typing import Final

from bot.recordings.audio.audio_chunks import HEADING
from bot.recordings.audio.wav_errors import WavError
from bot.recordings.audio.wav_header import WavHeader
from bot.recordings.audio.wav_header_parser import parse_wav_header

MISSING_BYTES: Final = 64
"""Typical errors of sizes in headers: they include the header, or omit it."""


class Body:
    """Reads a WAV piece by piece and keeps only the audio that was not consumed yet.

    Attributes:
        header: None until it is complete.
        prefix: the bytes before the audio.
        audio: the audio that arrived and was not consumed yet.
        is_wav: whether the header is valid so far.
        has_second_data: whether more audio follows in a second chunk.
        has_ended: whether the body is complete.
    """

    def __init__(self) -> None:
        self.header: WavHeader | None = None
        self.prefix = b""
        self.audio = bytearray()
        self.is_wav = True
        self.has_second_data = False
        self.has_ended = False
        self._digest = hashlib.sha256()
        self._rest_digest = hashlib.sha256()
        self._heading = b""
        self._skipped = 0
        self._left: int | None = None

    def feed(self, piece: bytes) -> None:
        """Add the next piece, of any length."""
        self._digest.update(piece)
        if self.header is not None:
            self._split(piece)
        elif self.is_wav:
            self._read_header(piece)

    def end(self) -> None:
        """Note the end of the body."""
        if self.header is None and self.is_wav:
            self._read_header(b"", complete=True)
        self.has_ended = True

    @property
    def has_all_audio(self) -> bool:
        """Whether all audio has arrived."""
        return self.has_ended or self._left == 0

    @property
    def is_cut(self) -> bool:
        """Whether it ended before the length in its header."""
        return self.has_ended and self._left is not None and self._left > MISSING_BYTES

    @property
    def sha256(self) -> str:
        """The SHA-256 of the whole body."""
        return self._digest.hexdigest()

    @property
    def rest(self) -> bytes:
        """The digest of the bytes after the audio."""
        return self._rest_digest.digest()

    def _read_header(self, piece: bytes, *, complete: bool = False) -> None:
        self.prefix += piece
        try:
            header = parse_wav_header(self.prefix, complete=complete)
        except WavError:
            self.is_wav = False
            return
        if header is None:
            return
        self.header, self._left = header, header.data_bytes
        came, self.prefix = self.prefix, self.prefix[: header.data_offset]
        self._split(came[header.data_offset :])

    def _split(self, piece: bytes) -> None:
        if self._left is None:
            self.audio += piece
            return
        if self._left:
            audio, piece = piece[: self._left], piece[self._left :]
            self._left -= len(audio)
            self.audio += audio
            if not self._left and self.header and (self.header.data_bytes or 0) % 2:
                self._skipped = 1  # chunks start on even bytes
        if piece:
            self._scan(piece)

    def _scan(self, piece: bytes) -> None:
        self._rest_digest.update(piece)
        while piece:
            passed, piece = piece[: self._skipped], piece[self._skipped :]
            self._skipped -= len(passed)
            if not piece:
                return
            wanted = HEADING.size - len(self._heading)
            self._heading, piece = self._heading + piece[:wanted], piece[wanted:]
            if len(self._heading) < HEADING.size:
                return
            name, size = HEADING.unpack(self._heading)
            self._heading = b""
            self.has_second_data = self.has_second_data or (name == b"data" and size > 0)
            self._skipped = size + size % 2
