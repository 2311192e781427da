"""Pairs of a raw recording and what redaction made of it, in every encoding of telephones."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from bot.recordings.audio.codecs import codec_of
from bot.recordings.audio.spans import Span
from bot.recordings.audio.wav_header import A_LAW, MU_LAW, PCM
from bot.recordings.audio.wav_header_parser import parse_wav_header
from bot.recordings.redaction.comparator import compare_streams
from bot.recordings.redaction.outcome import Comparison
from tests.recordings.audio.test_wav_header_parser import chunk, fmt, riff

RATE_HZ = 8000
Sound = NDArray[np.int16]
"""Frames x channels."""


@dataclass(frozen=True)
class Encoding:
    """How samples are encoded."""

    tag: int
    bits: int

    def encode(self, sound: Sound) -> bytes:
        """Encode 16-bit samples."""
        flat = sound.reshape(-1).astype(np.int64)
        if self.tag == PCM and self.bits == 16:
            return flat.astype("<i2").tobytes()
        if self.tag == PCM and self.bits == 24:
            spelled = (flat * 256).astype("<i4").view(np.uint8).reshape(-1, 4)
            return spelled[:, :3].tobytes()
        if self.tag == PCM:
            return (np.round(flat / 256) + 128).clip(0, 255).astype(np.uint8).tobytes()
        return _codes(self.tag)[flat + 32768].tobytes()


ENCODINGS = {
    "8-bit PCM": Encoding(PCM, 8),
    "16-bit PCM": Encoding(PCM, 16),
    "24-bit PCM": Encoding(PCM, 24),
    "A-law": Encoding(A_LAW, 8),
    "mu-law": Encoding(MU_LAW, 8),
}


def decoded(encoding: Encoding, audio: bytes) -> Sound:
    """Decode one channel to 16-bit samples."""
    header = parse_wav_header(wav(encoding, audio, 1), complete=True)
    return codec_of(header, len(audio)).decode(memoryview(audio)).astype(np.int16).reshape(-1, 1)


def _codes(tag: int) -> NDArray[np.uint8]:
    """List the nearest code for each 16-bit sample."""
    if tag not in _CODES:
        header = parse_wav_header(wav(Encoding(tag, 8), b"\0", 1), complete=True)
        decode = codec_of(header, 256)
        table = decode.decode(memoryview(bytes(range(256)))).astype(np.int64).copy()
        order = np.argsort(table, kind="stable")
        middles = (table[order][1:] + table[order][:-1]) / 2
        _CODES[tag] = order[np.searchsorted(middles, np.arange(-32768, 32768))].astype(np.uint8)
    return _CODES[tag]


_CODES: dict[int, NDArray[np.uint8]] = {}


def wav(encoding: Encoding, audio: bytes, channels: int, *, after: bytes = b"") -> bytes:
    """Write a WAV with one chunk of audio, and the bytes after it."""
    form = fmt(tag=encoding.tag, channels=channels, rate_hz=RATE_HZ, bits=encoding.bits)
    return riff(form, chunk(b"data", audio), after)


def speech(seconds: float, channels: int, seed: int = 1) -> Sound:
    """Make noise like two speakers: it swells and fades, with silent pauses."""
    dice = np.random.default_rng(seed)
    frames = int(seconds * RATE_HZ)
    noise = dice.normal(size=(frames + 8, channels))
    smooth = sum(noise[at : at + frames] for at in range(8))
    swell = np.abs(np.sin(np.arange(frames) / RATE_HZ * 3.0))[:, None]
    pauses = (np.arange(frames) // (RATE_HZ // 2) % 5 != 4)[:, None]
    return (smooth * swell * pauses * 2500).clip(-32000, 32000).astype(np.int16)


def muted(sound: Sound, *spans: Span, fade_seconds: float = 0.0) -> Sound:
    """Mute these spans in every channel; a fade extends beyond their borders."""
    after = sound.copy()
    for span in spans:
        first, end = (int(each * RATE_HZ) for each in (span.start_seconds, span.end_seconds))
        after[first:end] = 0
        fade = int(fade_seconds * RATE_HZ)
        for step in range(fade):
            for at in (first - 1 - step, end + step):
                if 0 <= at < len(after):
                    after[at] = (after[at] * (step / fade)).astype(np.int16)
    return after


@dataclass(frozen=True)
class Pair:
    """Both bodies, and the spans that must be muted, if known."""

    raw: bytes = field(repr=False)
    redacted: bytes = field(repr=False)
    must_be_muted: tuple[Span, ...] = ()

    def known(self, *spans: Span) -> "Pair":
        """Return the same pair with spans that must be muted."""
        return replace(self, must_be_muted=spans)


async def compared(pair: Pair, piece_bytes: int = 60_000) -> Comparison:
    """Compare both bodies in pieces."""

    async def pieces(body: bytes):
        for at in range(0, len(body), piece_bytes):
            yield body[at : at + piece_bytes]

    return await compare_streams(pieces(pair.raw), pieces(pair.redacted), pair.must_be_muted)
