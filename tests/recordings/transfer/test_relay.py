"""From PolyAI to Slack: exactly the measured bytes, or no complete upload."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.errors import CallAudioError
from bot.observability.metrics import Metrics
from bot.polyai.agents import Agent
from bot.polyai.client import PolyAIClient
from bot.polyai.errors import PolyAIError, UnexpectedEncoding
from bot.polyai.http import HttpGet
from bot.polyai.payloads import Direction
from bot.polyai.transport import build_http_client
from bot.recordings.audio.wav_errors import BodyTruncated, EmptyBody, NotWav, TooLarge, WavError
from bot.recordings.deliveries.slack_port import NewFile, UploadTicket
from bot.recordings.transfer.exact_body import ExactBody, RecordingChanged
from bot.recordings.transfer.relay import Measured, Outgoing, Relay, Source
from bot.recordings.transfer.transfer_speed import MinimumSpeed, SourceTooSlow, UploadTooSlow
from bot.sandbox import recordings
from bot.sandbox.polyai_calls import Recording, Shape, wav_header
from bot.sandbox.polyai_server import PolyAISandbox
from tests.conftest import NOON
from tests.polling import DEADLINE_SECONDS
from tests.recordings.references.test_agents import AGENTS, CALL

HEADER_BYTES = 44
MEGABYTE = 2**20
SOURCE = Source("T1", AGENTS["default"], CALL, Direction.COMBINED, raw=False)


def wav(data_bytes: int = 160, *, declared: int | None = None) -> bytes:
    """Build a recording; ``declared`` is the size of the audio in its header."""
    return wav_header(data_bytes if declared is None else declared) + bytes(
        n % 251 for n in range(data_bytes)
    )


def pieces(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


@dataclass
class Tape:
    """A PolyAI in memory that returns given pieces and can be paused."""

    chunks_of_body: Sequence[bytes]
    content_length: int | None = None
    tells_end: bool = True
    is_compressed: bool = False
    correlation_id: str | None = "polyai-1"
    opened: int = 0
    playing: int = 0
    hold: asyncio.Event | None = None
    later: Sequence[bytes] | None = None
    """What is played once the first body came to its end."""

    @asynccontextmanager
    async def open_audio(self, *_args, **_options):
        self.opened += 1
        self.playing += 1
        try:
            yield self
        finally:
            self.playing -= 1

    async def chunks(self):
        for chunk in self.chunks_of_body:
            if self.hold:
                await self.hold.wait()
            yield chunk
        if self.later is not None:
            self.chunks_of_body = self.later


@dataclass
class Box:
    """A Slack in memory that keeps uploads; ``whole`` only if the source ended regularly."""

    sent: bytes = b""
    whole: bool = False
    begun: list[Measured] = field(default_factory=list)
    under_way: int = 0
    refusal: CallAudioError | None = None
    seen: bytes = b""
    """What a watcher saw of the last upload."""

    @asynccontextmanager
    async def begin(self, measured: Measured) -> AsyncIterator[Outgoing]:
        self.begun.append(measured)
        self.seen = b""
        self.under_way += 1
        try:
            file = NewFile("a.wav", measured.size_bytes)
            yield Outgoing(UploadTicket("F0FILE", SecretStr("https://a.b/c")), file, [self.watch])
        finally:
            self.under_way -= 1

    def watch(self, piece: bytes) -> None:
        self.seen += piece

    async def send(self, _ticket, file, chunks: AsyncIterator[bytes]) -> None:
        self.sent = b""
        async for chunk in chunks:
            assert len(self.sent) + len(chunk) <= file.size_bytes
            if self.refusal:
                raise self.refusal
            self.sent += chunk
        self.whole = True


def relay(tape, box=None, **options) -> Relay:
    usual = {"metrics": Metrics(), "max_bytes": MEGABYTE, "max_concurrent": 8}
    return Relay(polyai=tape, slack=box or Box(), **{**usual, **options})


async def fetched(tape, *, source=SOURCE, box=None, **options) -> Box:
    """Fetch a recording; returns the Slack with the upload."""
    box = box or Box()
    await relay(tape, box, **options).fetch(source, box.begin)
    assert (box.whole, tape.playing if isinstance(tape, Tape) else 0, box.under_way) == (True, 0, 0)
    assert box.seen == box.sent
    return box


async def collect(body: Sequence[bytes], size: int, into: list[bytes]) -> None:
    async def source():
        for chunk in body[1:]:
            yield chunk

    async for piece in ExactBody(body[0], source(), size):
        into.append(piece)  # noqa: PERF401 - what came before a failure counts too


BODIES = st.tuples(st.binary(min_size=1), st.lists(st.binary(max_size=20), max_size=8)).map(
    lambda body: [body[0], *body[1]]
)


@given(body=BODIES)
async def test_a_body_of_the_expected_size_passes_unchanged(body):
    sent: list[bytes] = []
    await collect(body, len(b"".join(body)), sent)
    assert b"".join(sent) == b"".join(body)


@given(body=BODIES, size=st.integers(0, 200))
async def test_a_body_of_another_size_fails_before_the_upload_is_complete(body, size):
    real_size = len(b"".join(body))
    sent: list[bytes] = []
    if size == real_size:
        await collect(body, size, sent)
        return
    with pytest.raises(RecordingChanged):
        await collect(body, size, sent)
    shown = b"".join(sent)
    assert b"".join(body).startswith(shown)
    # Slack counts: an upload that lacks a byte is refused.
    assert len(shown) < max(size, 1)


LENGTH = len(wav())
# The sizes of the file and of its audio in the header.
SIZES = {
    "both are true": (LENGTH - 8, LENGTH - HEADER_BYTES),
    "the file counts itself in": (LENGTH, LENGTH - HEADER_BYTES),
    "a writer that knew neither size": (0xFFFF_FFFF, 0xFFFF_FFFF),
    "another writer that knew neither size": (0x7FFF_FFFF, 0x7FFF_FFFF - 36),
    "and another": (0x8000_0000, 0x8000_0000 - 36),
    "an older one": (0, 0),
    "larger than the body": (LENGTH + 65_536, LENGTH + 65_536),
    "smaller than the body": (LENGTH // 2, LENGTH - HEADER_BYTES),
    "a chunk behind the audio": (LENGTH - 8, LENGTH - HEADER_BYTES - 16),
}


def sized(riff_size: int, data_size: int, trailer: bytes = b"") -> bytes:
    body = wav(LENGTH - HEADER_BYTES)
    riff, data = (size.to_bytes(4, "little") for size in (riff_size, data_size))
    return body[:4] + riff + body[8:40] + data + body[44:] + trailer


@pytest.mark.parametrize("trailer", [b"", b"\0", b"\r\n\r\n"])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("is_announced", [True, False])
async def test_the_length_of_http_takes_precedence_over_the_header(sizes, trailer, is_announced):
    body = sized(*sizes, trailer)
    for piece in (7, HEADER_BYTES, 10_000):
        tape = Tape(pieces(body, piece), len(body) if is_announced else None)
        box = await fetched(tape)
        assert box.sent == body
        assert box.begun[-1] == Measured(len(body), pytest.approx(0.01, abs=0.002))
        assert tape.opened <= (1 if is_announced else 2)


@pytest.mark.parametrize(
    ("sizes", "trailer", "opened", "begun"),
    [
        pytest.param(SIZES["both are true"], b"", 1, [LENGTH], id="the header is right"),
        pytest.param(SIZES["the file counts itself in"], b"", 1, [LENGTH], id="off by itself"),
        pytest.param(
            SIZES["a writer that knew neither size"], b"", 2, [LENGTH], id="counted first"
        ),
        pytest.param(SIZES["smaller than the body"], b"", 2, [LENGTH], id="at odds with itself"),
        pytest.param(
            SIZES["both are true"], b"\0" * 9, 2, [LENGTH, LENGTH + 9], id="more than it says"
        ),
        pytest.param((LENGTH + 2, LENGTH - 34), b"", 2, [LENGTH + 10, LENGTH], id="less"),
        pytest.param((2**28, 2**28 - 36), b"", 2, [LENGTH], id="more than may be carried"),
    ],
)
async def test_only_an_unknown_length_causes_a_second_request(sizes, trailer, opened, begun):
    tape = Tape(pieces(sized(*sizes, trailer), 50))
    box = await fetched(tape)
    assert tape.opened == opened
    assert [each.size_bytes for each in box.begun] == begun


@pytest.mark.parametrize(
    ("sizes", "is_whole"),
    [
        ((LENGTH - 8, LENGTH - HEADER_BYTES), True),
        ((LENGTH + 192, LENGTH + 200 - HEADER_BYTES), False),
        ((LENGTH, LENGTH), True),
        ((0xFFFF_FFFF, 0xFFFF_FFFF), True),
        ((0, 0), True),
    ],
)
async def test_without_a_length_from_http_the_header_gives_it(sizes, is_whole):
    tape = Tape([sized(*sizes)], tells_end=False)
    if is_whole:
        assert len((await fetched(tape)).sent) == LENGTH
        return
    with pytest.raises(BodyTruncated) as cut:
        await fetched(tape)
    assert cut.value.retryable


@pytest.mark.parametrize("announced", [HEADER_BYTES, None])
@pytest.mark.parametrize("data_size", [0, 160, 0x7FFF_FF00])
async def test_a_header_without_audio_is_not_a_recording(announced, data_size):
    header = wav(0, declared=data_size)
    with pytest.raises(EmptyBody):
        await fetched(Tape([header], announced))


async def test_a_wav_body_is_accepted_although_its_http_headers_call_it_compressed():
    assert (await fetched(Tape([wav()], LENGTH, is_compressed=True))).sent == wav()
    zipped = Tape([b"\x1f\x8b" + bytes(100)], 102, is_compressed=True)
    with pytest.raises(UnexpectedEncoding) as refused:
        await fetched(zipped)
    assert refused.value.correlation_id == "polyai-1"
    with pytest.raises(NotWav):
        await fetched(Tape(zipped.chunks_of_body, 102))


@pytest.mark.parametrize(
    "sizes", [SIZES["both are true"], SIZES["a writer that knew neither size"]]
)
@pytest.mark.parametrize("announced", [LENGTH, None])
async def test_a_recording_beyond_the_limit_is_refused_with_both_sizes(announced, sizes):
    body = pieces(sized(*sizes), 50)
    assert (await fetched(Tape(body, announced), max_bytes=LENGTH)).sent
    box = Box()
    with pytest.raises(TooLarge, match="larger than 0 MB"):
        await fetched(Tape(body, announced), box=box, max_bytes=LENGTH - 1)
    assert box.begun == []


async def test_counting_stops_at_the_limit():
    read = 0

    class Endless(Tape):
        async def chunks(self):
            nonlocal read
            yield wav_header(0xFFFF_FFFF - 36)[:4] + b"\xff" * 4 + wav(1)[8:40] + b"\xff" * 4
            while True:
                read += 1000
                yield bytes(1000)

    with pytest.raises(TooLarge):
        await fetched(Endless([]), max_bytes=10_000)
    assert read <= 11_000


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([], EmptyBody),
        ([b""], EmptyBody),
        ([b"RIFF", b"\0\0"], BodyTruncated),
        ([wav()[:40]], BodyTruncated),
        ([b"<html>not yet</html>"], WavError),
    ],
)
async def test_a_body_that_is_not_a_recording_fails_before_an_upload_begins(body, expected):
    box = Box()
    with pytest.raises(expected):
        await fetched(Tape(body), box=box)
    assert box.begun == []


@pytest.mark.parametrize("piece", [1, 43, 44, 45, 10_000])
@pytest.mark.parametrize(("raw", "variant"), [(True, "raw"), (False, "redacted")])
async def test_a_recording_is_uploaded_unchanged_and_counted_by_variant(piece, raw, variant):
    metrics = Metrics()
    tape = Tape(pieces(wav(), piece), LENGTH)
    source = replace(SOURCE, raw=raw)
    box = await fetched(tape, source=source, metrics=metrics)
    assert (box.sent, tape.opened) == (wav(), 1)
    value = metrics.registry.get_sample_value
    assert value("callaudio_relay_bytes_total", {"variant": variant}) == LENGTH
    assert value("callaudio_relays_in_progress") == 0


@pytest.mark.parametrize("later", [wav(170), wav(150)])
async def test_a_body_that_changes_never_becomes_a_complete_upload(later):
    metrics, box = Metrics(), Box()
    sizes = SIZES["a writer that knew neither size"]
    tape = Tape(pieces(sized(*sizes), 20), later=pieces(later, 20))
    with pytest.raises(RecordingChanged) as changed:
        await fetched(tape, box=box, metrics=metrics)
    assert changed.value.retryable
    assert not box.whole
    assert (len(box.sent) < LENGTH, tape.opened, tape.playing) == (True, 2, 0)
    value = metrics.registry.get_sample_value
    assert value("callaudio_relay_bytes_total", {"variant": "redacted"}) is None
    assert value("callaudio_relays_in_progress") == 0


async def test_a_length_other_than_announced_by_http_is_no_complete_upload():
    box = Box()
    with pytest.raises(RecordingChanged):
        await fetched(Tape(pieces(wav(), 20), LENGTH + 1), box=box)
    assert not box.whole


async def test_a_refusal_by_slack_closes_the_source():
    box = Box(refusal=CallAudioError(what="no"))
    tape = Tape(pieces(wav(), 20), LENGTH)
    with pytest.raises(CallAudioError, match="no"):
        await fetched(tape, box=box)
    assert (tape.playing, box.under_way) == (0, 0)


async def test_transfers_beyond_the_limit_wait_for_a_slot():
    tape = Tape(pieces(wav(), 50), LENGTH, hold=asyncio.Event())
    work, boxes = relay(tape, max_concurrent=2), [Box() for _ in range(5)]
    waiting = [asyncio.create_task(work.fetch(SOURCE, box.begin)) for box in boxes]
    for _ in range(20):
        await asyncio.sleep(0)
    assert (tape.playing, tape.opened) == (2, 2)
    tape.hold.set()
    await asyncio.gather(*waiting)
    assert (tape.playing, tape.opened) == (0, 5)


QUICK = MinimumSpeed(bytes_per_second=LENGTH * 10, grace_seconds=0.2)


@dataclass
class Trickle(Tape):
    """Returns the first pieces at once and then single bytes without end."""

    quick: int = 0
    pause_seconds: float = 0.02

    async def chunks(self):
        for at, chunk in enumerate(pieces(wav(MEGABYTE)[:100_000], 1)):
            if at >= self.quick:
                await asyncio.sleep(self.pause_seconds)
            yield chunk


@dataclass
class Deaf(Box):
    """Accepts the first piece only."""

    async def send(self, _ticket, _file, chunks: AsyncIterator[bytes]) -> None:
        await anext(chunks)
        await asyncio.sleep(60)


# The header is slow; the audio is slow; or the body stops after a fast beginning.
@pytest.mark.parametrize(("quick", "pause_seconds"), [(0, 0.02), (100, 0.02), (LENGTH, 60)])
@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_source_that_is_too_slow_loses_its_slot(quick, pause_seconds, is_announced):
    announced = MEGABYTE + HEADER_BYTES if is_announced else None
    tape = Trickle([], announced, quick=quick, pause_seconds=pause_seconds)
    async with asyncio.timeout(DEADLINE_SECONDS):
        with pytest.raises(SourceTooSlow) as slow:
            await fetched(tape, minimum_speed=QUICK, max_bytes=2 * MEGABYTE)
    assert slow.value.retryable
    assert tape.playing == 0


async def test_a_slack_that_accepts_no_bytes_is_reported_as_slacks_fault():
    tape, minimum_speed = Tape(pieces(wav(), 20), LENGTH), MinimumSpeed(grace_seconds=1)
    async with asyncio.timeout(DEADLINE_SECONDS):
        with pytest.raises(UploadTooSlow):
            await fetched(tape, box=Deaf(), minimum_speed=minimum_speed)
    assert tape.playing == 0


@pytest.fixture
async def polyai():
    async with PolyAISandbox() as polyai:
        yield polyai


@pytest.fixture
async def client():
    async def at_once(_seconds):
        pass

    async with build_http_client(4) as http:
        yield PolyAIClient(HttpGet(http, clock=lambda: NOON, sleep=at_once))


def source_at(polyai) -> Source:
    polyai.add_key("plainKeyPlainKeyPlainKey00000001")
    agent = Agent(
        name="default",
        agent_id="PROJECT-SANDBOX",
        region="us",
        base_url=polyai.url,
        api_key=SecretStr("plainKeyPlainKeyPlainKey00000001"),
        pii_api_key=None,
    )
    return Source("T1", agent, CALL, Direction.COMBINED, raw=False)


WHOLE = recordings.load("combined", redacted=True)
PLAYABLE = (
    Shape.CONTENT_LENGTH,
    Shape.CHUNKED,
    Shape.CHUNKED_SIZES_UNKNOWN,
    Shape.CHUNKED_SIZES_ZERO,
    Shape.CHUNKED_SIZES_HUGE,
    Shape.TO_THE_END,
    Shape.RIFF_SIZE_OF_FILE,
    Shape.RIFF_SAYS_MORE,
    Shape.RIFF_SAYS_LESS,
    Shape.TRAILER,
    Shape.OVERLONG,
)


@pytest.mark.parametrize("shape", PLAYABLE)
async def test_over_http_a_recording_of_every_shape_arrives_complete(polyai, client, shape):
    polyai.add_call(CALL, recording=Recording.speech(), shape=shape)
    box = await fetched(client, source=source_at(polyai))
    extra = {Shape.TRAILER: 3, Shape.OVERLONG: 65_536}.get(shape, 0)
    assert box.begun[-1] == Measured(len(WHOLE) + extra, pytest.approx(12, abs=3))
    assert box.sent[HEADER_BYTES : len(WHOLE)] == WHOLE[HEADER_BYTES:]
    assert len(box.sent) == len(WHOLE) + extra


ODD_HEADERS = [
    {"Content-Encoding": each}
    for each in ("identity", "utf-8", "binary", "aws-chunked", "none", "8bit", "gzip", "br")
] + [
    {"Content-Type": each}
    for each in ("text/plain", "application/json", "text/html; charset=utf-8", "video/x-wav", "?")
]


@pytest.mark.parametrize("headers", ODD_HEADERS, ids=str)
async def test_over_http_a_wav_body_is_accepted_whatever_its_headers_say(polyai, client, headers):
    polyai.add_call(CALL, recording=Recording.speech(), headers=headers)
    assert (await fetched(client, source=source_at(polyai))).sent == WHOLE


@pytest.mark.parametrize("shape", sorted(set(Shape) - {*PLAYABLE, Shape.SLOW, Shape.TRICKLE}))
async def test_over_http_nothing_else_becomes_a_complete_upload(polyai, client, shape):
    polyai.add_call(CALL, recording=Recording.speech(), shape=shape)
    box = Box()
    with pytest.raises((WavError, PolyAIError, RecordingChanged)):
        await fetched(client, source=source_at(polyai), box=box)
    assert not box.whole
