"""The comparison of a redacted recording with its raw one: proven, different or uncertain."""

import asyncio
import hashlib
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.recordings.audio.spans import Span
from bot.recordings.deliveries.redaction_safety import Verdict
from bot.recordings.redaction.audio_comparison import BLOCK_BYTES
from bot.recordings.redaction.blocks import EDGE_SECONDS
from bot.recordings.redaction.comparator import compare_streams
from bot.recordings.redaction.outcome import Uncertainty
from bot.sandbox import recordings
from tests.examples import examples
from tests.recordings.audio.test_wav_header_parser import chunk, fmt, riff
from tests.recordings.redaction.pairs import (
    ENCODINGS,
    RATE_HZ,
    Pair,
    compared,
    decoded,
    muted,
    speech,
    wav,
)
from tests.tables import each_row

PCM16 = ENCODINGS["16-bit PCM"]
CARD, NAME = Span(1.0, 1.6), Span(3.0, 3.4)
SECONDS = 5.0
EVERY_ENCODING = pytest.mark.parametrize(
    ("encoding", "channels"),
    [
        pytest.param(encoding, channels, id=f"{name}, {way}", marks=marks)
        for name, encoding in ENCODINGS.items()
        for channels, way, marks in (
            (1, "mono", ()),
            (2, "stereo", () if name == "16-bit PCM" else pytest.mark.long),
        )
    ],
)


def frames(seconds):
    return int(seconds * RATE_HZ)


def inside(span):
    return slice(frames(span.start_seconds), frames(span.end_seconds))


def pair(encoding, channels, change=None, *, after=b"", spans=(CARD, NAME)):
    raw = speech(SECONDS, channels)
    redacted = muted(raw, *spans)
    if change:
        redacted = change(raw, redacted)
    return Pair(
        wav(encoding, encoding.encode(raw), channels),
        wav(encoding, encoding.encode(redacted), channels, after=after),
    )


def whole(raw, _):
    return raw


def leak_at_edge(raw, redacted):
    at = slice(frames(1.0), frames(1.02))
    redacted[at] = raw[at]
    return redacted


def softened(raw, redacted):
    at = slice(frames(1.2), frames(1.4))
    redacted[at] = raw[at] // 4
    return redacted


def one_left_out(raw, redacted):
    redacted[inside(NAME)] = raw[inside(NAME)]
    return redacted


def shifted(_, redacted):
    return np.roll(redacted, 1, axis=0)


def louder(_, redacted):
    return (redacted * 1.3).clip(-32768, 32767).astype(np.int16)


def lossy(_, redacted):
    """Encode lossily: it sounds the same, but hardly a sample is equal."""
    steps = np.random.default_rng(5).normal(size=redacted.shape) * (60 + abs(redacted) / 12)
    return (redacted + steps * (redacted != 0)).clip(-32768, 32767).astype(np.int16)


def longer(raw, redacted):
    return np.concatenate((redacted, raw[: frames(0.5)]))


def shorter(_, redacted):
    return redacted[: -frames(0.5)]


def left_channel_heard(raw, redacted):
    redacted[:, 0] = raw[:, 0]
    return redacted


def faded(seconds):
    return lambda raw, _: muted(raw, CARD, NAME, fade_seconds=seconds)


def near(start, end, tolerance=0.01):
    return pytest.approx(start, abs=tolerance), pytest.approx(end, abs=tolerance)


async def assert_inconclusive(both, uncertainty):
    found = await compared(both)
    assert (found.verdict, found.uncertainty) == (Verdict.INCONCLUSIVE, uncertainty)
    assert found.heard.count == 0


@EVERY_ENCODING
@each_row(
    ("change", "known"),
    [
        pytest.param(None, (), id="muted"),
        pytest.param(None, (CARD, NAME), id="muted where it has to be"),
        pytest.param(faded(0.004), (), id="muted with fades of a few milliseconds"),
    ],
)
async def test_muted_spans_are_proven_and_found_where_they_are(encoding, channels, change, known):
    found = await compared(pair(encoding, channels, change).known(*known))
    assert (found.verdict, found.uncertainty, found.heard.count) == (Verdict.PROVEN, None, 0)
    assert found.length_seconds == SECONDS
    assert [(each.start_seconds, each.end_seconds) for each in found.muted.kept] == [
        near(each.start_seconds, each.end_seconds) for each in (CARD, NAME)
    ]


@EVERY_ENCODING
@each_row(
    ("change", "known", "leak"),
    [
        pytest.param(one_left_out, (CARD, NAME), None, id="a known span is audible"),
        pytest.param(whole, (CARD, NAME), None, id="all known spans are"),
        pytest.param(
            leak_at_edge,
            (CARD, NAME),
            (pytest.approx(1.0, abs=0.006), pytest.approx(1.02, abs=0.002)),
            id="the beginning of a known span is",
        ),
        pytest.param(softened, (), near(1.2, 1.4), id="a span is only quieter"),
        pytest.param(faded(0.03), (), None, id="fades leave words audible"),
    ],
)
async def test_audible_spans_differ(encoding, channels, change, known, leak):
    found = await compared(pair(encoding, channels, change).known(*known))
    assert found.verdict is Verdict.DIFFERS
    assert found.heard.count
    assert -50 < found.heard_db < 0
    if leak:
        assert [(each.start_seconds, each.end_seconds) for each in found.heard.kept] == [leak]


@EVERY_ENCODING
async def test_a_recording_without_mutes_is_not_reported_as_proven(encoding, channels):
    found = await compared(pair(encoding, channels, whole))
    assert (found.verdict, found.muted.count) == (Verdict.NOTHING_MUTED, 0)


@EVERY_ENCODING
@each_row(
    ("change", "after", "uncertainty"),
    [
        pytest.param(shifted, b"", Uncertainty.SHIFTED, id="shifted"),
        pytest.param(louder, b"", Uncertainty.REENCODED, id="louder"),
        pytest.param(lossy, b"", Uncertainty.REENCODED, id="lossy"),
        pytest.param(longer, b"", Uncertainty.LENGTH, id="longer"),
        pytest.param(shorter, b"", Uncertainty.LENGTH, id="shorter"),
        pytest.param(lambda _, each: each[::-1], b"", Uncertainty.OTHER_AUDIO, id="backwards"),
        pytest.param(None, chunk(b"data", b"\1" * 8000), Uncertainty.SECOND_DATA, id="more audio"),
        pytest.param(None, chunk(b"LIST", b"INFO" * 9), Uncertainty.TRAILER, id="more bytes"),
        pytest.param(None, b"\x00\x1a\x0a", Uncertainty.TRAILER, id="a few more bytes"),
    ],
)
async def test_each_inconclusive_comparison_is_named(
    encoding, channels, change, after, uncertainty
):
    await assert_inconclusive(pair(encoding, channels, change, after=after), uncertainty)


@EVERY_ENCODING
async def test_a_truncated_recording_is_uncertain(encoding, channels):
    both = pair(encoding, channels)
    for cut in (Pair(both.raw, both.redacted[:-9000]), Pair(both.raw[:-9000], both.redacted)):
        await assert_inconclusive(cut, Uncertainty.BROKEN_OFF)


@each_row("encoding", ENCODINGS.values(), ENCODINGS)
async def test_one_muted_channel_of_two_is_uncertain_and_differs_in_a_known_span(encoding):
    both = pair(encoding, 2, left_channel_heard)
    await assert_inconclusive(both, Uncertainty.ONE_CHANNEL)
    found = await compared(both.known(CARD))
    assert found.verdict is Verdict.DIFFERS
    (leak,) = found.heard.kept
    assert leak.start_seconds == pytest.approx(1.0, abs=0.01)


@each_row(
    ("name", "steps", "verdict"),
    [
        ("16-bit PCM", 1, Verdict.PROVEN),
        ("16-bit PCM", 2, Verdict.DIFFERS),
        ("8-bit PCM", 256, Verdict.DIFFERS),
        ("mu-law", 8, Verdict.DIFFERS),
        ("A-law", 24, Verdict.DIFFERS),
        ("24-bit PCM", 1, Verdict.DIFFERS),  # of 16 bits: 256 steps of its own
    ],
)
async def test_silence_may_contain_a_dither_of_one_step(name, steps, verdict):
    def dithered(_, redacted):
        at = inside(CARD)
        redacted[at] = np.random.default_rng(3).choice([-steps, steps], redacted[at].shape)
        return redacted

    found = await compared(pair(ENCODINGS[name], 1, dithered))
    assert found.verdict is verdict


@each_row("by_way_of", ["A-law", "mu-law", "8-bit PCM"])
async def test_transcoded_audio_is_uncertain(by_way_of):
    def there_and_back(_, redacted):
        return decoded(ENCODINGS[by_way_of], ENCODINGS[by_way_of].encode(redacted))

    await assert_inconclusive(pair(PCM16, 1, there_and_back), Uncertainty.REENCODED)


@each_row(
    ("raw", "redacted"),
    [
        *((("24-bit PCM", 1), (other, 1)) for other in ENCODINGS if other != "24-bit PCM"),
        pytest.param(("16-bit PCM", 2), ("16-bit PCM", 1), id="mono instead of stereo"),
    ],
)
async def test_different_encodings_are_uncertain(raw, redacted):
    one, other = (pair(ENCODINGS[name], channels) for name, channels in (raw, redacted))
    await assert_inconclusive(Pair(one.raw, other.redacted), Uncertainty.ENCODING)


async def test_an_unsupported_encoding_is_uncertain():
    body = riff(fmt(tag=0x31, bits=0, byte_rate=1625), chunk(b"data", bytes(6500)))
    await assert_inconclusive(Pair(body, body), Uncertainty.FORMAT)


@each_row("body", [b"", b"{}", b"<html>", b"RIFF"])
async def test_a_body_that_is_not_a_recording_is_uncertain(body):
    good = pair(PCM16, 1)
    for each in (Pair(good.raw, body), Pair(body, good.redacted)):
        await assert_inconclusive(each, Uncertainty.NOT_WAV)


async def test_a_span_beyond_the_end_is_not_reported_as_muted():
    beyond = pair(PCM16, 1).known(CARD, Span(6.0, 7.0))
    await assert_inconclusive(beyond, Uncertainty.SPAN_BEYOND_END)


async def test_a_header_with_room_for_audio_is_uncertain():
    both = pair(PCM16, 1)
    hidden = chunk(b"JUNK", both.raw[44:10_000])
    stuffed = both.redacted[:36] + hidden + both.redacted[36:]
    await assert_inconclusive(Pair(both.raw, stuffed), Uncertainty.LONG_HEADER)
    tagged = both.redacted[:36] + chunk(b"LIST", b"INFO") + both.redacted[36:]
    assert (await compared(Pair(both.raw, tagged))).verdict is Verdict.PROVEN


async def test_the_digest_covers_every_compared_byte():
    both = pair(PCM16, 1)
    assert (await compared(both)).redacted_sha256 == hashlib.sha256(both.redacted).hexdigest()


async def test_the_recordings_of_the_demo_are_proven():
    for direction in ("combined", "user"):
        both = (recordings.load(direction, redacted=is_redacted) for is_redacted in (False, True))
        found = await compared(Pair(*both))
        assert found.verdict is Verdict.PROVEN
        assert found.muted.count


async def test_a_fade_next_to_an_existing_pause_excuses_no_difference():
    raw, pause = speech(SECONDS, 1), Span(2.002, 2.498)
    redacted = muted(raw, CARD, pause, fade_seconds=EDGE_SECONDS)
    assert not raw[inside(pause)].any()
    both = Pair(*(wav(PCM16, PCM16.encode(each), 1) for each in (raw, redacted)))
    found = await compared(both)
    assert (found.verdict, found.heard.count) == (Verdict.DIFFERS, 2)


@settings(max_examples=examples(10, at_length=1_000))
@given(
    st.sampled_from(list(ENCODINGS.values())),
    st.sampled_from([1, 2]),
    st.lists(
        st.tuples(st.floats(0, 39), st.floats(0.05, 3.0), st.floats(0, 0.005)),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 2**32 - 1),
    st.integers(1, 200_000),
)
def test_no_correctly_redacted_pair_differs(encoding, channels, wanted, seed, piece_bytes):
    raw = speech(40.0, channels, seed)
    redacted = raw
    known = tuple(Span(start, min(start + length, 40.0)) for start, length, _ in wanted)
    for span, (_, _, fade) in zip(known, wanted, strict=True):
        mutes = decoded(encoding, encoding.encode(raw[inside(span)])).reshape(-1, channels).any(0)
        redacted = muted(redacted, span, fade_seconds=fade if mutes.all() else 0)
    both = Pair(
        wav(encoding, encoding.encode(raw), channels),
        wav(encoding, encoding.encode(redacted), channels),
    )
    piece_bytes = max(piece_bytes, len(both.raw) // 500)
    found = asyncio.run(compared(both, piece_bytes))
    assert found.verdict in (Verdict.PROVEN, Verdict.NOTHING_MUTED), found
    assert (found.verdict is Verdict.PROVEN) == (both.raw != both.redacted)
    assert asyncio.run(compared(both.known(*known), piece_bytes)).verdict is found.verdict


@pytest.mark.parametrize("size_mib", [32, pytest.param(1024, marks=pytest.mark.long)])
def test_memory_use_is_constant(size_mib):
    def body(*, is_muted):
        async def pieces():
            total = size_mib * 2**20
            sound = PCM16.encode(speech(2.0, 1))
            quiet = bytes(len(sound) // 2) + sound[len(sound) // 2 :]
            yield riff(fmt(), chunk(b"data", b"", size=total))
            for number, _ in enumerate(range(0, total, len(sound))):
                yield quiet if is_muted and number % 9 == 0 else sound

        return pieces()

    async def measured():
        tracemalloc.start()
        found = await compare_streams(body(is_muted=False), body(is_muted=True))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found, peak

    found, peak = asyncio.run(measured())
    assert found.muted.count > size_mib
    assert peak < 40 * BLOCK_BYTES


async def test_a_longer_body_is_not_buffered():
    sound = PCM16.encode(speech(2.0, 1))

    async def endless():
        yield riff(fmt(), chunk(b"data", b"", size=0xFFFF_FFFF))
        for _ in range(3000):
            yield sound

    async def short():
        yield wav(PCM16, sound, 1)

    tracemalloc.start()
    found = await compare_streams(endless(), short())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.verdict, found.uncertainty) == (Verdict.INCONCLUSIVE, Uncertainty.LENGTH)
    assert peak < 40 * BLOCK_BYTES
