"""Moves a recording from PolyAI to Slack in bounded memory, counting every byte on the way."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from bot.errors import CallAudioError
from bot.metrics import Metrics
from bot.polyai.agents import Agent
from bot.polyai.client import AudioStream, PolyAIClient
from bot.polyai.errors import UnexpectedEncoding
from bot.polyai.payloads import CallFacts, Direction
from bot.recordings.places import Holder, Places
from bot.recordings.posting import NewFile, Posting
from bot.recordings.speed import Arrival, Floor
from bot.recordings.wav import parse_wav_header
from bot.recordings.wav_errors import BodyTruncated, EmptyBody, TooLarge, WavError
from bot.recordings.wav_header import WavHeader

Watcher = Callable[[bytes], None]
"""Sees each piece of a recording as it leaves; what it does is paid for by the transfer."""

MISSING_BYTES: Final = 64
"""What headers get wrong: they count themselves in, or leave themselves out."""


class RecordingChanged(CallAudioError):
    """The second request did not match the first: the recording is still being written."""

    code = "recording_changed"
    what = "The recording changed while it was being fetched."
    likely_cause = "The call has only just ended and PolyAI is still writing its audio."
    fix = "Try again in a few minutes."
    retryable = True


@dataclass(frozen=True, slots=True)
class Source:
    """Which recording, in which variant, and for which workspace."""

    team_id: str
    agent: Agent
    conversation_id: str
    direction: Direction
    raw: bool
    call: CallFacts | None = None

    @property
    def holder(self) -> Holder:
        """On whose behalf it is fetched."""
        return Holder(self.team_id, self.agent.name)


@dataclass(frozen=True, slots=True)
class Measured:
    """What is known of a recording before its upload starts.

    Attributes:
        size_bytes: of the whole body, exactly.
        length_seconds: None where its header does not tell.
        encoding: its name, where a player may not know it.
    """

    size_bytes: int
    length_seconds: float | None
    encoding: str | None = None


class Relay:
    """Measures recordings and streams them; at most ``max_concurrent`` at a time."""

    def __init__(
        self,
        *,
        polyai: PolyAIClient,
        posting: Posting,
        metrics: Metrics,
        max_bytes: int,
        max_concurrent: int,
        floor: Floor | None = None,
    ) -> None:
        self._polyai = polyai
        self._posting = posting
        self._metrics = metrics
        self._max_bytes = max_bytes
        self._places = Places(max_concurrent)
        self._floor = floor or Floor()

    async def measure(self, source: Source) -> Measured:
        """Open the recording, check that it is one, and learn its exact length.

        HTTP tells the length; where it does not, the body is read through once and counted. The
        sizes in the header are often wrong, so that they are asked only where HTTP does not even
        tell whether the body came to its end.

        Raises:
            CallAudioError: the recording cannot be had, or is not one.
        """
        async with self._open(source) as (stream, arrival), arrival.kept_up():
            prefix, header = await _read_header(stream, arrival)
            size = stream.content_length
            if size is None:
                size = len(prefix)
                async for piece in arrival:
                    size += len(piece)
                    self._check_size(size)
                expected = header.data_offset + (header.data_bytes or 0)
                if not stream.tells_end and size + MISSING_BYTES < expected:
                    raise BodyTruncated
        self._check_size(size)
        if not header.audio_bytes(size):
            raise EmptyBody
        return Measured(size, header.length_seconds(size), header.unusual_encoding)

    async def transfer(
        self, source: Source, file: NewFile, watchers: Sequence[Watcher] = ()
    ) -> str:
        """Stream the recording into a new upload of exactly ``file.size_bytes``; gives the file id.

        Nothing is visible afterwards. The last piece is held back until the source has ended at
        that very byte, so an upload that Slack calls complete is complete. Each of the
        ``watchers`` sees every byte once, in order.

        Raises:
            CallAudioError: either side failed, or the body is not what was measured.
        """
        async with self._open(source) as (stream, arrival):
            if stream.content_length not in (None, file.size_bytes):
                raise RecordingChanged
            async with arrival.kept_up():
                prefix, _ = await _read_header(stream, arrival)
            ticket = await self._posting.start_upload(file)
            body = exactly(prefix, arrival, file.size_bytes, watchers)
            with self._metrics.relays_in_progress.track_inprogress():
                async with aclosing(body), arrival.kept_up():
                    await self._posting.send(ticket, file, body)
        self._metrics.relay_bytes.labels(variant=_variant(source)).inc(file.size_bytes)
        return ticket.file_id

    @asynccontextmanager
    async def _open(self, source: Source) -> AsyncIterator[tuple[AudioStream, Arrival]]:
        opening = self._polyai.open_audio(
            source.agent,
            source.conversation_id,
            direction=source.direction,
            raw=source.raw,
            facts=source.call,
        )
        async with (
            self._places.held(source.holder),
            opening as stream,
            aclosing(stream.chunks()) as chunks,
        ):
            yield stream, Arrival(chunks, self._floor)

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._max_bytes:
            raise TooLarge(
                what=f"The recording is larger than {self._max_bytes // 2**20} MB.",
            )


async def exactly(
    prefix: bytes,
    chunks: AsyncIterator[bytes],
    size_bytes: int,
    watchers: Sequence[Watcher] = (),
) -> AsyncGenerator[bytes, None]:
    """Give the body piece by piece, one piece late, and fail unless it has exactly the size.

    Raises:
        RecordingChanged: it has another.
    """
    held, seen = prefix, len(prefix)
    async for chunk in chunks:
        if not chunk:
            continue
        seen += len(chunk)
        if seen > size_bytes:
            break
        for watch in watchers:
            watch(held)
        yield held
        held = chunk
    if seen != size_bytes:
        raise RecordingChanged
    for watch in watchers:
        watch(held)
    yield held


async def _read_header(
    stream: AudioStream, pieces: AsyncIterator[bytes]
) -> tuple[bytes, WavHeader]:
    """Read as far as the audio.

    Raises:
        UnexpectedEncoding: it is compressed, as the headers say; often they say so wrongly.
        WavError: it is no recording.
    """
    prefix, header = b"", None
    try:
        async for piece in pieces:
            prefix += piece
            header = parse_wav_header(prefix, complete=False)
            if header:
                return prefix, header
        header = parse_wav_header(prefix, complete=True)
    except WavError as error:
        found = UnexpectedEncoding() if stream.is_compressed and prefix else error
        found.correlation_id = stream.correlation_id
        raise found from None
    if header is None:
        raise EmptyBody
    return prefix, header


def _variant(source: Source) -> str:
    return "raw" if source.raw else "redacted"
