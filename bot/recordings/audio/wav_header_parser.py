"""Reads the header of a WAV body from its first bytes.

Sources: RFC 2361 (format tags), Microsoft's WAVEFORMATEXTENSIBLE, EBU Tech 3306 (RF64, BW64).
Python's ``wave`` refuses what PolyAI may send (A-law, mu-law, streamed sizes).
"""

import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from bot.recordings.audio.wav_errors import (
    BodyTruncated,
    DamagedHeader,
    EmptyBody,
    HtmlInstead,
    JsonInstead,
    NotWav,
)
from bot.recordings.audio.wav_header import UNCOMPRESSED, WavHeader

MAX_HEADER_BYTES: Final = 64 * 1024

_RIFF_BYTES = 12
_CHUNK_BYTES = 8
_NAME_BYTES = 4
_FMT_BYTES = 16
_EXTENSIBLE_FMT_BYTES = 40
_DS64_BYTES = 16
_SIZE_IN_DS64 = 0xFFFF_FFFF
_PLACEHOLDERS_FROM = 0x7FFF_0000  # writers that do not know a size put it near 2 or 4 GiB
_BITS_PER_SAMPLE = range(1, 65)
_CHANNELS = range(1, 65)
_SAMPLE_RATES_HZ = range(1, 768_001)
_BYTE_ORDERS = {b"RIFF": "<", b"RF64": "<", b"BW64": "<", b"RIFX": ">"}
_EXTENSIBLE = 0xFFFE
_SUB_FORMAT_TAIL = b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
# After an empty chunk a known name follows; audio that looks like one is very unlikely.
_CHUNK_NAMES = frozenset(
    (b"data", b"fmt ", b"LIST", b"fact", b"id3 ", b"ID3 ", b"bext", b"cue ", b"PEAK", b"JUNK")
)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def parse_wav_header(prefix: bytes, *, complete: bool) -> WavHeader | None:
    """Read the header from the first bytes of a body; None if more bytes are needed.

    More bytes never change a result. ``complete``: the prefix is the whole body.

    Raises:
        EmptyBody: the body is complete, and empty or without audio.
        WavError: the body is not WAV, is cut within its header, or does not reach its audio within
            64 KiB.
    """
    chunks = _Chunks(prefix, is_complete=complete)
    try:
        _expect_wav(prefix, complete=complete)
        return chunks.header()
    except _MoreNeededError:
        if not complete:
            return None
        raise (EmptyBody if chunks.have_empty_data else BodyTruncated) from None


def known_size(field: int) -> int | None:
    """Read the size of a chunk; None if its writer did not know it."""
    return field if 0 < field < _PLACEHOLDERS_FROM else None


class _MoreNeededError(Exception):
    """The prefix is too short for a result."""


def _expect_wav(prefix: bytes, *, complete: bool) -> None:
    """Refuse a body that does not begin as a WAV.

    Raises:
        _MoreNeededError: more bytes are needed to decide.
        WavError: it is something else.
    """
    magic = prefix[:_NAME_BYTES]
    if magic in _BYTE_ORDERS:
        return
    if complete and not prefix:
        raise EmptyBody
    if any(known.startswith(magic) for known in _BYTE_ORDERS):
        raise _MoreNeededError
    if _BYTE_ORDER_MARK.startswith(prefix) and not complete:
        raise _MoreNeededError
    text = prefix[:MAX_HEADER_BYTES].removeprefix(_BYTE_ORDER_MARK).lstrip()
    if not text and not complete and len(prefix) < MAX_HEADER_BYTES:
        raise _MoreNeededError
    if text.startswith(b"<"):
        raise HtmlInstead
    raise JsonInstead if text.startswith((b"{", b"[")) else NotWav


class _Chunks:
    """The chunks from the first to the audio."""

    def __init__(self, prefix: bytes, *, is_complete: bool) -> None:
        self._prefix = prefix
        self._order = _BYTE_ORDERS.get(prefix[:_NAME_BYTES], "<")
        self._is_complete = is_complete
        self.have_empty_data = False

    def header(self) -> WavHeader:
        form: WavHeader | None = None
        long_sizes: tuple[int, int] | None = None
        for name, content, size in self._walk():
            if name == b"data" and (size or self._audio_follows(content)):
                if form is None:
                    raise DamagedHeader(likely_cause="It does not say how its audio is to be read.")
                return self._with_sizes(form, content, size, long_sizes)
            if name == b"fmt " and form is None:
                form = self._form(content, size)
            if name == b"ds64" and size >= _DS64_BYTES:
                long_sizes = self._unpack("QQ", content)
        raise DamagedHeader(likely_cause="No audio starts within its first 64 KiB.")

    def _walk(self) -> Iterator[tuple[bytes, int, int]]:
        """Return each chunk's name, where its content starts, and its size."""
        offset = _RIFF_BYTES
        if self._unpack("4s", 8) != (b"WAVE",):
            raise NotWav(likely_cause="It is a RIFF file with something other than audio in it.")
        while offset + _CHUNK_BYTES + _FMT_BYTES <= MAX_HEADER_BYTES:
            name, size = self._unpack("4sI", offset)
            content = offset + _CHUNK_BYTES
            yield name, content, size
            offset = content + size + size % 2  # chunks start on even bytes

    def _audio_follows(self, content: int) -> bool:
        """Distinguish audio of unknown size from an empty chunk."""
        following = self._prefix[content : content + _NAME_BYTES]
        if len(following) < _NAME_BYTES and not self._is_complete:
            raise _MoreNeededError
        self.have_empty_data = not following or following in _CHUNK_NAMES
        return not self.have_empty_data

    def _form(self, content: int, size: int) -> WavHeader:
        """Read the ``fmt `` chunk; the place and the sizes of the audio follow later."""
        if size < _FMT_BYTES:
            raise DamagedHeader
        tag, channels, rate_hz, own_rate, bits = self._unpack("HHII2xH", content)
        if tag == _EXTENSIBLE and size >= _EXTENSIBLE_FMT_BYTES:
            sub_tag, tail = self._unpack("H14s", content + 24)
            tag = sub_tag if tail == _SUB_FORMAT_TAIL else tag
        is_plain = tag in UNCOMPRESSED
        if channels not in _CHANNELS or rate_hz not in _SAMPLE_RATES_HZ:
            raise DamagedHeader
        if is_plain and bits not in _BITS_PER_SAMPLE:
            raise DamagedHeader
        return WavHeader(
            format_tag=tag,
            channels=channels,
            sample_rate_hz=rate_hz,
            bits_per_sample=bits,
            # The byte rate is redundant for uncompressed audio, and often wrong.
            bytes_per_second=rate_hz * channels * -(-bits // 8) if is_plain else own_rate,
            data_offset=0,
            declared_bytes=None,
            container=self._prefix[:_NAME_BYTES].decode(),
        )

    def _with_sizes(
        self, form: WavHeader, content: int, size: int, long_sizes: tuple[int, int] | None
    ) -> WavHeader:
        (riff_size,) = self._unpack("I", _NAME_BYTES)
        riff_bytes, data_bytes = known_size(riff_size), known_size(size)
        if long_sizes and size == _SIZE_IN_DS64:
            riff_bytes, data_bytes = (each or None for each in long_sizes)
        declared_bytes = _whole_bytes(riff_bytes, content, data_bytes)
        return replace(
            form, data_offset=content, declared_bytes=declared_bytes, data_bytes=data_bytes
        )

    def _unpack(self, form: str, offset: int) -> tuple[Any, ...]:
        layout = struct.Struct(self._order + form)
        if len(self._prefix) < offset + layout.size:
            raise _MoreNeededError
        return layout.unpack_from(self._prefix, offset)


def _whole_bytes(riff_bytes: int | None, content: int, data_bytes: int | None) -> int | None:
    """Return the expected size of the body; None if the header lacks it or contradicts itself."""
    if data_bytes is None:
        return None
    end = content + data_bytes
    if riff_bytes is None:
        return end
    if riff_bytes in (end, end + 1):  # a common error: the size of the whole file, 8 too many
        return riff_bytes
    return riff_bytes + 8 if riff_bytes + 8 >= end else None
