"""The header of a WAV body, read from its first bytes.

Python's ``wave`` refuses what PolyAI may send (A-law, mu-law, streamed sizes): polyai.md, "Audio".
"""

import struct
from dataclasses import dataclass

from bot.recordings.wav_errors import (
    BodyTooLong,
    BodyTruncated,
    DamagedHeader,
    EmptyBody,
    HtmlInstead,
    JsonInstead,
    NotWav,
    TooLarge,
    WavError,
)

__all__ = [
    "MAX_HEADER_BYTES",
    "BodyTooLong",
    "BodyTruncated",
    "DamagedHeader",
    "EmptyBody",
    "HtmlInstead",
    "JsonInstead",
    "NotWav",
    "TooLarge",
    "WavError",
    "WavHeader",
    "parse_wav_header",
]

MAX_HEADER_BYTES = 64 * 1024

_RIFF_BYTES = 12
_CHUNK_BYTES = 8
_FMT_BYTES = 16
_STREAMED_SIZES = (0, 0xFFFF_FFFF)  # the writer did not know the size yet
_FORMAT_TAGS = (1, 3, 6, 7, 0xFFFE)  # PCM, float, A-law, mu-law, extensible
_BITS_PER_SAMPLE = range(1, 65)
_CHANNELS = range(1, 65)
_SAMPLE_RATES_HZ = range(1, 768_001)
_UNSUPPORTED = {b"RIFX": "a big-endian WAV (RIFX)", b"RF64": "a WAV beyond 4 GB (RF64)"}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class WavHeader:
    """What the header says, checked for consistency.

    Attributes:
        format_tag: 1 PCM, 3 float, 6 A-law, 7 mu-law, 0xFFFE extensible.
        channels: 1 to 64.
        sample_rate_hz: samples per second and channel.
        bits_per_sample: 1 to 64.
        bytes_per_second: computed from the three above; the header's own figure is not trusted.
        data_offset: where the audio starts, in bytes.
        declared_bytes: the length of the whole body, or None when the header does not know it.
        data_bytes: the length of the audio alone, or None likewise.
    """

    format_tag: int
    channels: int
    sample_rate_hz: int
    bits_per_sample: int
    bytes_per_second: int
    data_offset: int
    declared_bytes: int | None
    data_bytes: int | None = None

    def length_seconds(self, total_bytes: int) -> float | None:
        """How long a body of ``total_bytes`` plays; None if it ends before the audio starts."""
        audio_bytes = total_bytes - self.data_offset
        if audio_bytes < 0:
            return None
        if self.data_bytes is not None:  # chunks may follow the audio
            audio_bytes = min(audio_bytes, self.data_bytes)
        return audio_bytes / self.bytes_per_second


def parse_wav_header(prefix: bytes, *, complete: bool) -> WavHeader | None:
    """Read the header from the first bytes of a body; None while more of them are needed.

    More bytes never change an answer once given. ``complete`` says that no more will come.

    Raises:
        WavError: the body is not WAV, is cut within its header, or does not reach its audio within
            64 KiB.
    """
    is_riff = _is_riff(prefix, complete=complete)
    header = _parse_riff(prefix) if is_riff and len(prefix) >= _RIFF_BYTES else None
    if header is None and complete:
        raise BodyTruncated
    return header


def _is_riff(prefix: bytes, *, complete: bool) -> bool:
    """Whether it begins as RIFF; False while it may yet, or may yet be told apart from it."""
    magic = prefix[:4]
    if magic == b"RIFF":
        return True
    if magic in _UNSUPPORTED:
        raise NotWav(likely_cause=f"It is {_UNSUPPORTED[magic]}, which Slack does not play.")
    if complete and not prefix:
        raise EmptyBody
    if any(known.startswith(magic) for known in (b"RIFF", *_UNSUPPORTED)):
        return False
    if _BYTE_ORDER_MARK.startswith(prefix) and not complete:
        return False
    text = prefix[:MAX_HEADER_BYTES].removeprefix(_BYTE_ORDER_MARK).lstrip()
    if not text and not complete and len(prefix) < MAX_HEADER_BYTES:
        return False
    if text.startswith(b"<"):
        raise HtmlInstead
    raise JsonInstead if text.startswith((b"{", b"[")) else NotWav


def _parse_riff(prefix: bytes) -> WavHeader | None:
    if prefix[8:12] != b"WAVE":
        raise NotWav(likely_cause="It is a RIFF file with something other than audio in it.")
    form: tuple[int, int, int, int] | None = None
    offset = _RIFF_BYTES
    while True:
        content = offset + _CHUNK_BYTES
        if content + _FMT_BYTES > MAX_HEADER_BYTES:
            raise DamagedHeader(likely_cause="No audio starts within its first 64 KiB.")
        if len(prefix) < content:
            return None
        name, size = struct.unpack_from("<4sI", prefix, offset)
        if name == b"data":
            return _header(form, prefix, content, size)
        if name == b"fmt " and form is None:
            if size < _FMT_BYTES:
                raise DamagedHeader
            if len(prefix) < content + _FMT_BYTES:
                return None
            form = _form(prefix, content)
        offset = content + size + size % 2  # chunks start on even bytes


def _form(prefix: bytes, offset: int) -> tuple[int, int, int, int]:
    # The byte rate and the block size between the rate and the bits are redundant: see _header.
    tag, channels, rate_hz, bits = struct.unpack_from("<HHI6xH", prefix, offset)
    if tag not in _FORMAT_TAGS:
        raise NotWav(likely_cause="It is a WAV with compressed audio that cannot be checked.")
    if channels not in _CHANNELS or rate_hz not in _SAMPLE_RATES_HZ or bits not in _BITS_PER_SAMPLE:
        raise DamagedHeader
    return tag, channels, rate_hz, bits


def _header(
    form: tuple[int, int, int, int] | None, prefix: bytes, data_offset: int, data_size: int
) -> WavHeader:
    if form is None:
        raise DamagedHeader(likely_cause="It does not say how its audio is to be read.")
    tag, channels, rate_hz, bits = form
    (riff_size,) = struct.unpack_from("<I", prefix, 4)
    data_bytes = None if data_size in _STREAMED_SIZES else data_size
    declared_bytes: int | None = riff_size + 8
    if riff_size in _STREAMED_SIZES or data_bytes is None:
        declared_bytes = None
    elif riff_size + 8 < data_offset + data_bytes:  # the two sizes disagree: believe neither
        declared_bytes = data_bytes = None
    return WavHeader(
        format_tag=tag,
        channels=channels,
        sample_rate_hz=rate_hz,
        bits_per_sample=bits,
        bytes_per_second=rate_hz * channels * -(-bits // 8),
        data_offset=data_offset,
        declared_bytes=declared_bytes,
        data_bytes=data_bytes,
    )
