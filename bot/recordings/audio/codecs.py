"""Decodes the samples of a WAV body; digital silence is 0 in every codec.

Sources: the RIFF registration of the format tags (RFC 2361), and ITU-T G.711 for A-law and mu-law.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bot.recordings.audio.wav_header import A_LAW, FLOAT, MU_LAW, PCM, WavHeader

Samples = NDArray[Any]
"""Signed integers with interleaved channels."""
Decode = Callable[[memoryview], Samples]

CHANNELS: Final = (1, 2)
SAMPLE_RATES_HZ: Final = range(4_000, 192_001)
"""The rates of telephones and studios; with a higher one a header is probably damaged."""


@dataclass(frozen=True, slots=True)
class Codec:
    """How samples are decoded.

    Attributes:
        sample_bytes: bytes of one sample of one channel.
        dtype: the type of the decoded samples.
        decode: decodes whole samples; its next call may overwrite the result.
    """

    sample_bytes: int
    dtype: np.dtype[Any]
    decode: Decode


def codec_of(header: WavHeader, largest_bytes: int) -> Codec | None:
    """Choose the codec for pieces of up to ``largest_bytes``; None for an unknown encoding.

    Compressed and big-endian bodies have no codec here: PolyAI's recordings are telephone calls.
    """
    if header.channels not in CHANNELS or header.sample_rate_hz not in SAMPLE_RATES_HZ:
        return None
    if header.container == "RIFX":
        return None
    sample_bytes = -(-header.bits_per_sample // 8)
    known = {
        (MU_LAW, 1): lambda: _by_table(_mu_law(), largest_bytes),
        (A_LAW, 1): lambda: _by_table(_a_law(), largest_bytes),
        (PCM, 1): lambda: _by_table(_unsigned(), largest_bytes),  # signed from 16 bits on
        (PCM, 2): lambda: _as_it_is("<i2"),
        (PCM, 3): lambda: _of_24_bits(largest_bytes),
        (PCM, 4): lambda: _as_it_is("<i4"),
        (FLOAT, 4): lambda: _of_floats("<f4"),
        (FLOAT, 8): lambda: _of_floats("<f8"),
    }
    build = known.get((header.format_tag, sample_bytes))
    if build is None:
        return None
    return Codec(sample_bytes, np.dtype("<i2" if sample_bytes < 3 else "<i4"), build())  # noqa: PLR2004 - bytes of 24 bits


def _as_it_is(dtype: str) -> Decode:
    return lambda data: np.frombuffer(data, dtype)


def _by_table(table: NDArray[np.int16], largest_bytes: int) -> Decode:
    room = np.empty(largest_bytes, table.dtype)

    def decode(data: memoryview) -> Samples:
        # A byte never needs clipping; unlike `raise`, `clip` makes no copy.
        return np.take(table, np.frombuffer(data, np.uint8), out=room[: len(data)], mode="clip")

    return decode


def _of_24_bits(largest_bytes: int) -> Decode:
    room = np.zeros(largest_bytes // 3, "<i4")  # the lowest byte of each stays 0

    def decode(data: memoryview) -> Samples:
        samples = room[: len(data) // 3]
        samples.view(np.uint8).reshape(-1, 4)[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return samples

    return decode


def _of_floats(dtype: str) -> Decode:
    full_scale = 2.0**31

    def decode(data: memoryview) -> Samples:
        samples = np.clip(np.nan_to_num(np.frombuffer(data, dtype).astype(np.float64)), -1, 1)
        # Rounded away from zero, so that only zero becomes silence.
        rounded = np.copysign(np.ceil(np.abs(samples) * full_scale), samples)
        integers: Samples = np.minimum(rounded, full_scale - 1).astype("<i4")
        return integers

    return decode


def _unsigned() -> NDArray[np.int16]:
    return ((np.arange(256) - 128) * 256).astype(np.int16)


def _mu_law() -> NDArray[np.int16]:
    code = ~np.arange(256) & 0xFF
    size = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
    return np.where(code & 0x80, -size, size).astype(np.int16)


def _a_law() -> NDArray[np.int16]:
    code = np.arange(256) ^ 0x55
    exponent, mantissa = (code & 0x70) >> 4, (code & 0x0F) << 4
    size = np.where(exponent == 0, mantissa + 8, (mantissa + 0x108) << np.maximum(exponent - 1, 0))
    table = np.where(code & 0x80, size, -size).astype(np.int16)
    # A-law has no zero: a silent line sends 0xD5 and 0x55, its two smallest steps.
    table[[0xD5, 0x55]] = 0
    return table
