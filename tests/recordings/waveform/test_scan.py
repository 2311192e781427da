"""The outline of a recording is the same in any chunks, and exact to the sample."""

import struct
import tracemalloc
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.recordings.audio.spans import MAX_SPANS
from bot.recordings.waveform import peaks
from bot.recordings.waveform.peaks import BINS
from bot.recordings.waveform.scan import (
    GATHERED_BYTES,
    LEAST_SILENCE_SECONDS,
    Waveform,
    WaveformScan,
)
from bot.sandbox import recordings
from tests.examples import examples
from tests.recordings.audio.test_wav_header_parser import chunk, extensible, fmt, riff
from tests.tables import each_row

RATE_HZ = 4000
LEAST_FRAMES = int(LEAST_SILENCE_SECONDS * RATE_HZ)
STREAMED = 0xFFFF_FFFF


@dataclass(frozen=True)
class Form:
    """How samples are encoded: the codes of a sound and of silence."""

    tag: int
    bits: int
    sound: bytes
    silences: tuple[bytes, ...]


FORMS = {
    "8-bit PCM": Form(1, 8, b"\x90", (b"\x80",)),
    "16-bit PCM": Form(1, 16, b"\x01\x00", (b"\0\0",)),
    "24-bit PCM": Form(1, 24, b"\x01\x00\x00", (b"\0\0\0",)),
    "32-bit PCM": Form(1, 32, b"\x01\x00\x00\x00", (b"\0\0\0\0",)),
    "32-bit float": Form(3, 32, struct.pack("<f", -1e-12), (b"\0\0\0\0", b"\0\0\0\x80")),
    "64-bit float": Form(3, 64, struct.pack("<d", 1e-300), (bytes(8), bytes(7) + b"\x80")),
    "A-law": Form(6, 8, b"\x20", (b"\xd5", b"\x55")),
    "mu-law": Form(7, 8, b"\x20", (b"\xff", b"\x7f")),
}


def wav(data: bytes, form: Form = FORMS["16-bit PCM"], *, channels=1, rate_hz=RATE_HZ, size=None):
    return riff(fmt(form.tag, channels, rate_hz, form.bits), chunk(b"data", data, size=size))


def scan(*pieces: bytes) -> Waveform | None:
    scanned = WaveformScan()
    for piece in pieces:
        scanned.feed(piece)
    return scanned.finish()


def whole(body: bytes) -> Waveform:
    waveform = scan(body)
    assert waveform is not None
    return waveform


def facts(waveform: Waveform | None) -> Any:
    if waveform is None:
        return None
    arrays = (waveform.lows.tolist(), waveform.highs.tolist())
    return (*arrays, waveform.bin_seconds, waveform.length_seconds, waveform.silences)


def naive_runs(silent: np.ndarray) -> list[tuple[int, int]]:
    """Find the runs frame by frame."""
    runs, start = [], None
    for at, is_silent in enumerate([*silent.tolist(), False]):
        if is_silent and start is None:
            start = at
        elif not is_silent and start is not None:
            if at - start >= LEAST_FRAMES:
                runs.append((start, at))
            start = None
    return runs


def frames_of(spans) -> list[tuple[int, int]]:
    return [(round(s.start_seconds * RATE_HZ), round(s.end_seconds * RATE_HZ)) for s in spans.kept]


# Silence and sound in turn, many of them close to the minimum that counts.
lengths = st.integers(1, 700) | st.integers(LEAST_FRAMES - 2, LEAST_FRAMES + 2)
stretches = st.lists(st.tuples(st.booleans(), lengths), min_size=1, max_size=25)


def spelled(stretches, form: Form, channels: int) -> tuple[bytes, np.ndarray]:
    written, silent = [], []
    for number, (is_silent, length) in enumerate(stretches):
        frame = [form.silences[(number + c) % len(form.silences)] for c in range(channels)]
        if not is_silent:
            frame[number % channels] = form.sound  # a single audible side is enough
        written.append(b"".join(frame) * length)
        silent += [is_silent] * length
    return b"".join(written), np.array(silent)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("channels", [1, 2])
@settings(max_examples=examples(5), deadline=None)
@given(stretches=stretches, repeats=st.sampled_from([1, 1, 2, 30]))
def test_every_span_of_silence_is_found_to_the_frame(form, channels, stretches, repeats):
    data, silent = spelled(stretches * repeats, form, channels)
    waveform = whole(wav(data, form, channels=channels))

    runs = naive_runs(silent)
    assert waveform.silences.count == len(runs)
    assert waveform.silences.seconds == sum(end - start for start, end in runs) / RATE_HZ
    if len(runs) <= MAX_SPANS:
        assert frames_of(waveform.silences) == runs


@settings(max_examples=examples(12), deadline=None)
@given(
    data=st.data(),
    form=st.sampled_from(list(FORMS.values())),
    channels=st.sampled_from([1, 2]),
    stretches=stretches,
    repeats=st.sampled_from([1, 1, 3, 60]),
    size=st.sampled_from([None, STREAMED, 4001]),
    cut=st.integers(0, 7),
)
def test_any_chunks_give_the_same_outline(data, form, channels, stretches, repeats, size, cut):
    audio, _ = spelled(stretches * repeats, form, channels)
    body = wav(audio, form, channels=channels, size=size)
    body = body[: len(body) - cut]
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=12).map(sorted))
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]

    assert facts(scan(*pieces)) == facts(scan(body))


def test_single_bytes_give_the_same_outline():
    body = recordings.load("combined", redacted=True)[:9000]
    assert facts(scan(*(body[at : at + 1] for at in range(len(body))))) == facts(scan(body))


@pytest.mark.parametrize("bins", [16, BINS], ids=["longer than blocks", "shorter"])
@pytest.mark.parametrize("channels", [1, 2])
@settings(max_examples=examples(5), deadline=None)
@given(seed=st.integers(0, 2**32 - 1), frames=st.integers(1, 400_000))
def test_the_bins_are_the_extremes_of_their_samples(channels, bins, seed, frames):
    samples = np.random.default_rng(seed).integers(-(2**15), 2**15, (frames, channels), np.int16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peaks, "BINS", bins)
        waveform = whole(wav(samples.tobytes(), channels=channels))

    starts = np.arange(0, frames, round(waveform.bin_seconds * RATE_HZ))
    assert waveform.length_seconds == frames / RATE_HZ
    assert len(waveform.lows) == len(waveform.highs) == len(starts) <= bins
    lows = np.minimum.reduceat(samples, starts, axis=0) / 2**15
    highs = np.maximum.reduceat(samples, starts, axis=0) / 2**15
    assert np.array_equal(waveform.lows, lows.astype(np.float32))
    assert np.array_equal(waveform.highs, highs.astype(np.float32))


def test_a_long_recording_uses_at_least_half_of_a_fixed_number_of_bins():
    silence = bytes(2 * 2**20)
    scanned = WaveformScan()
    scanned.feed(wav(b"", size=STREAMED))
    for _ in range(40):
        scanned.feed(silence)
    waveform = scanned.finish()
    assert waveform is not None
    assert BINS // 2 < len(waveform.lows) <= BINS
    assert waveform.silences.count == 1
    assert waveform.silences.seconds == waveform.length_seconds == 40 * 2**20 / RATE_HZ


def test_memory_stays_bounded_where_many_single_samples_are_silent():
    body = wav((bytes(100) + b"\0\0\x01\0" * 1000) * 1000)
    tracemalloc.start()
    assert scan(body).silences.count == 0
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 3 * GATHERED_BYTES


def test_spans_beyond_the_limit_are_counted_and_the_nearest_are_merged():
    stretch, word = bytes(2 * LEAST_FRAMES), b"\x01\x00" * 10
    # The first two are nearest to each other; the others are farther apart.
    data = stretch + word + (stretch + word * 2) * (MAX_SPANS * 5)
    spans = whole(wav(data)).silences
    assert spans.count == MAX_SPANS * 5 + 1
    assert spans.seconds == pytest.approx(spans.count * LEAST_FRAMES / RATE_HZ)
    assert len(spans.kept) == MAX_SPANS
    assert not spans.all_kept
    first, *_, last = frames_of(spans)
    assert first[0] == 0
    assert first[1] > LEAST_FRAMES
    assert last[1] == len(data) // 2 - 20


SOUND, SILENCE = b"\x10\x20" * 500, bytes(2 * LEAST_FRAMES)
LIST = chunk(b"LIST", b"INFOx")


@each_row(
    "chunks",
    [
        (chunk(b"data", SOUND), chunk(b"data", SILENCE)),
        (chunk(b"data", SOUND), LIST, chunk(b"data", SILENCE), LIST),
        (chunk(b"data", SOUND), LIST, chunk(b"data", SILENCE, size=STREAMED)),
        (chunk(b"data", SOUND + b"\x7f"), chunk(b"data", SILENCE)),  # half a frame and padding
        (chunk(b"data", b""), LIST, chunk(b"data", SOUND), chunk(b"data", SILENCE)),
        (LIST, chunk(b"data", SOUND), chunk(b"data", b""), chunk(b"data", SILENCE)),
    ],
)
@each_row("piece", [1, 7, 10_000])
def test_audio_in_a_second_chunk_is_included(chunks, piece):
    body = riff(fmt(rate_hz=RATE_HZ), *chunks)
    waveform = scan(*(body[at : at + piece] for at in range(0, len(body), piece)))
    assert waveform is not None
    assert frames_of(waveform.silences) == [(500, 500 + LEAST_FRAMES)]
    assert waveform.length_seconds == (500 + LEAST_FRAMES) / RATE_HZ


@each_row(
    "trailer",
    [chunk(b"LIST", b"\x7f" * 4000), b"\0", b"\r\n", b"\0" * 7, b"trailing words", bytes(5000)],
)
def test_bytes_after_the_audio_are_not_audio(trailer):
    waveform = whole(riff(fmt(rate_hz=RATE_HZ), chunk(b"data", SOUND)) + trailer)
    assert waveform.length_seconds == 500 / RATE_HZ
    assert waveform.highs.max() == pytest.approx(0x2010 / 2**15)


@pytest.mark.parametrize("sub_tag", [1, 3])
def test_an_extensible_recording_is_read_like_any_other(sub_tag):
    bits, sample = {1: (16, b"\0\x40"), 3: (32, struct.pack("<f", 0.5))}[sub_tag]
    form = extensible(sub_tag, bits=bits, rate_hz=RATE_HZ)
    waveform = whole(riff(form, chunk(b"data", sample * 800)))
    assert waveform.highs.tolist() == [[pytest.approx(0.5)]] * len(waveform.highs)


@each_row(
    ("form", "code", "expected"),
    [
        ("8-bit PCM", b"\x00", -1.0),
        ("8-bit PCM", b"\xff", 127 / 128),
        ("16-bit PCM", b"\xff\x7f", 32767 / 32768),
        ("24-bit PCM", b"\x00\x00\x80", -1.0),
        ("32-bit PCM", b"\x00\x00\x00\x40", 0.5),
        ("32-bit float", struct.pack("<f", 0.5), 0.5),
        ("32-bit float", struct.pack("<f", -1.0), -1.0),
        ("32-bit float", struct.pack("<f", 7.5), 1.0),
        ("32-bit float", struct.pack("<f", float("inf")), 1.0),
        ("64-bit float", struct.pack("<d", -float("inf")), -1.0),
        ("64-bit float", struct.pack("<d", float("nan")), 0.0),
        # The maximum values of G.711, scaled to 16 bits.
        ("mu-law", b"\x80", 32124 / 32768),
        ("mu-law", b"\x00", -32124 / 32768),
        ("A-law", b"\xaa", 32256 / 32768),
        ("A-law", b"\x2a", -32256 / 32768),
    ],
)
def test_every_codec_is_read_to_its_own_full_scale(form, code, expected):
    waveform = whole(wav(code * 64, FORMS[form]))
    assert waveform.lows.tolist() == waveform.highs.tolist() == [[pytest.approx(expected)]]


ZEROS = chunk(b"data", bytes(800))
UNREADABLE = {
    "nothing": b"",
    "cut in its header": b"RIFF",
    "a page": b"<html>not audio</html>",
    "no audio": wav(b""),
    "half a sample": wav(b"\0"),
    "float of 16 bits": riff(fmt(tag=3, bits=16, rate_hz=RATE_HZ), ZEROS),
    "extensible without its format": riff(fmt(tag=0xFFFE, rate_hz=RATE_HZ), ZEROS),
    "GSM": riff(fmt(tag=0x31, bits=0, rate_hz=RATE_HZ), ZEROS),
    "big-endian": riff(fmt(rate_hz=RATE_HZ), ZEROS, magic=b"RIFX"),
    "mu-law of 16 bits": riff(fmt(tag=7, bits=16, rate_hz=RATE_HZ), ZEROS),
    "64 bits": riff(fmt(bits=64, rate_hz=RATE_HZ), ZEROS),
    "three channels": riff(fmt(channels=3, rate_hz=RATE_HZ), ZEROS),
    "one sample a second": riff(fmt(rate_hz=1), ZEROS),
}


@each_row("body", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_recording_has_no_outline_and_raises_nothing(body):
    assert scan(body) is None


def test_the_mutes_of_the_sandbox_are_found():
    raw, redacted = (recordings.load("combined", redacted=each) for each in (False, True))
    differing = [at for at in range(44, len(raw), 2) if raw[at : at + 2] != redacted[at : at + 2]]
    (span,) = whole(redacted).silences.kept
    assert span.start_seconds <= (differing[0] - 44) / 16_000
    assert span.end_seconds >= (differing[-1] - 44) / 16_000
    assert whole(raw).silences.count == 0
