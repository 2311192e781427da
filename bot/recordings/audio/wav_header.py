"""The facts of a WAV header: the encoding, the place and the length of the audio.

Sources: RFC 2361 (format tags); EBU Tech 3306 (RF64, BW64).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

PCM: Final = 1
FLOAT: Final = 3
A_LAW: Final = 6
MU_LAW: Final = 7
UNCOMPRESSED: Final = (PCM, FLOAT, A_LAW, MU_LAW)
"""Uncompressed formats, whose length follows from their size; every player supports them."""
CODEC_NAMES: Final[Mapping[int, str]] = MappingProxyType(
    {
        0x02: "Microsoft ADPCM",
        0x11: "IMA ADPCM",
        0x14: "G.723 ADPCM",
        0x31: "GSM 6.10",
        0x40: "G.721 ADPCM",
        0x45: "G.726 ADPCM",
        0x50: "MPEG",
        0x55: "MP3",
        0x64: "G.726 ADPCM",
        0x65: "G.722 ADPCM",
        0x83: "G.729",
    }
)
"""Compressed audio that telephone systems write into WAV files (RFC 2361, appendix A)."""


@dataclass(frozen=True, slots=True)
class WavHeader:
    """The content of the header, checked for consistency.

    Attributes:
        format_tag: 1 PCM, 3 float, 6 A-law, 7 mu-law; an extensible header's own tag is resolved.
        channels: 1 to 64.
        sample_rate_hz: samples per second and channel.
        bits_per_sample: 1 to 64; any number for compressed audio.
        bytes_per_second: computed from the three above, because the header's own value is often
            wrong; for compressed audio the header's value, or 0 without one.
        data_offset: where the audio starts, in bytes.
        declared_bytes: the size of the whole body, or None if the header lacks it.
        data_bytes: the size of the audio only, or None likewise.
        container: ``RIFF``, ``RF64``, ``BW64`` or the big-endian ``RIFX``.
    """

    format_tag: int
    channels: int
    sample_rate_hz: int
    bits_per_sample: int
    bytes_per_second: int
    data_offset: int
    declared_bytes: int | None
    data_bytes: int | None = None
    container: str = "RIFF"

    @property
    def unusual_encoding(self) -> str | None:
        """The name of an encoding that players may not support; None for all others."""
        names = []
        if self.format_tag not in UNCOMPRESSED:
            names.append(CODEC_NAMES.get(self.format_tag, f"WAV format {self.format_tag:#06x}"))
        if self.container != "RIFF":
            names.append(self.container)
        return " in ".join(names) or None

    def audio_bytes(self, total_bytes: int) -> int:
        """Return the bytes of audio in a body of ``total_bytes``; chunks may follow them."""
        there = max(0, total_bytes - self.data_offset)
        return there if self.data_bytes is None else min(there, self.data_bytes)

    def length_seconds(self, total_bytes: int) -> float | None:
        """Return the length of a body of ``total_bytes``; None if the header lacks it."""
        if not self.bytes_per_second:
            return None
        return self.audio_bytes(total_bytes) / self.bytes_per_second
