"""Streams a recording from PolyAI to Slack in bounded memory, counting every byte."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from bot.observability.metrics import Metrics
from bot.polyai.agents import Agent
from bot.polyai.client import PolyAIClient
from bot.polyai.errors import UnexpectedEncoding
from bot.polyai.http import Facts
from bot.polyai.payloads import Direction
from bot.polyai.response import PolyAIResponse
from bot.recordings.audio.wav_errors import BodyTruncated, EmptyBody, TooLarge, WavError
from bot.recordings.audio.wav_header import WavHeader
from bot.recordings.audio.wav_header_parser import parse_wav_header
from bot.recordings.deliveries.slack_port import NewFile, SlackPort, UploadTicket
from bot.recordings.transfer.exact_body import ExactBody, RecordingChanged, Watcher
from bot.recordings.transfer.transfer_slots import SlotHolder, TransferSlots
from bot.recordings.transfer.transfer_speed import Arrival, MinimumSpeed

MISSING_BYTES: Final = 64
"""Typical errors of sizes in headers: they include the header, or omit it."""


@dataclass(frozen=True, slots=True)
class Source:
    """Which recording, in which variant, and for which workspace."""

    team_id: str
    agent: Agent
    conversation_id: str
    direction: Direction
    raw: bool
    facts: Facts | None = None
    """Waits for the facts of the call."""

    @property
    def holder(self) -> SlotHolder:
        """The holder of the slot for its transfer."""
        return SlotHolder(self.team_id, self.agent.name)


@dataclass(frozen=True, slots=True)
class Measured:
    """The facts of a recording before its upload starts.

    Attributes:
        size_bytes: the exact size of the whole body.
        length_seconds: None if the header does not contain it.
        encoding: the name of an encoding that players may not support.
    """

    size_bytes: int
    length_seconds: float | None
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The upload of a recording, and the watchers of its bytes, in order."""

    ticket: UploadTicket
    file: NewFile
    watchers: Sequence[Watcher] = ()


Begin = Callable[[Measured], AbstractAsyncContextManager[Outgoing]]
"""Starts the upload of a verified recording; the context is left when all bytes are sent."""


class Relay:
    """Streams recordings from PolyAI into uploads; at most ``max_concurrent`` at a time."""

    def __init__(
        self,
        *,
        polyai: PolyAIClient,
        slack: SlackPort,
        metrics: Metrics,
        max_bytes: int,
        max_concurrent: int,
        minimum_speed: MinimumSpeed | None = None,
    ) -> None:
        self._polyai = polyai
        self._slack = slack
        self._metrics = metrics
        self._max_bytes = max_bytes
        self._slots = TransferSlots(max_concurrent)
        self._minimum_speed = minimum_speed or MinimumSpeed()

    @property
    def waiting(self) -> int:
        """The number of transfers that wait for a slot."""
        return self._slots.waiting

    async def fetch(self, source: Source, begin: Begin) -> None:
        """Open the recording, check that it is one, and stream it into a new upload.

        It is requested once. Its length comes from HTTP or, if that does not give it, from the
        header, if its sizes agree. Only if neither gives it, or the header is wrong, the recording
        is counted to its end and requested once more.

        Nothing is visible afterwards. The last piece is held back until the source has ended at
        exactly that byte, so an upload that Slack accepts as complete is complete.

        Raises:
            CallAudioError: the recording cannot be fetched or is not one, or either side failed.
        """
        async with self._slots.held(source.holder):
            counted_bytes = await self._pass(source, begin, None)
            if counted_bytes is not None:
                await self._pass(source, begin, counted_bytes)

    async def _pass(self, source: Source, begin: Begin, counted_bytes: int | None) -> int | None:
        """Stream it; if its size is unknown, or differs from the header, only count it."""
        async with self._open(source) as (stream, arrival):
            async with arrival.kept_up():
                prefix, header = await _read_header(stream, arrival)
                size = counted_bytes if stream.content_length is None else stream.content_length
                is_certain = size is not None
                if size is None:
                    size = header.declared_bytes
                if size is None or (size > self._max_bytes and not is_certain):
                    return await self._counted(stream, header, arrival, len(prefix))
            body = ExactBody(prefix, arrival, size)
            try:
                async with begin(self._measured(header, size)) as upload:
                    body.watchers = upload.watchers
                    await self._send(upload, body, arrival)
            except RecordingChanged:
                if is_certain:
                    raise
            else:
                self._metrics.relay_bytes.labels(variant=_variant(source)).inc(size)
                return None
            async with arrival.kept_up():
                return await self._counted(stream, header, arrival, body.seen_bytes)

    async def _send(self, upload: Outgoing, body: ExactBody, arrival: Arrival) -> None:
        with self._metrics.relays_in_progress.track_inprogress():
            async with arrival.kept_up():
                await self._slack.send(upload.ticket, upload.file, body)

    async def _counted(
        self, stream: PolyAIResponse, header: WavHeader, arrival: Arrival, seen_bytes: int
    ) -> int:
        async for piece in arrival:
            seen_bytes += len(piece)
            self._check_size(seen_bytes)
        expected = header.data_offset + (header.data_bytes or 0)
        if not stream.tells_end and seen_bytes + MISSING_BYTES < expected:
            raise BodyTruncated
        return seen_bytes

    @asynccontextmanager
    async def _open(self, source: Source) -> AsyncIterator[tuple[PolyAIResponse, Arrival]]:
        opening = self._polyai.open_audio(
            source.agent,
            source.conversation_id,
            direction=source.direction,
            raw=source.raw,
            facts=source.facts,
        )
        async with opening as stream, aclosing(stream.chunks()) as chunks:
            yield stream, Arrival(chunks, self._minimum_speed)

    def _measured(self, header: WavHeader, size_bytes: int) -> Measured:
        self._check_size(size_bytes)
        if not header.audio_bytes(size_bytes):
            raise EmptyBody
        return Measured(size_bytes, header.length_seconds(size_bytes), header.unusual_encoding)

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._max_bytes:
            raise TooLarge(what=f"The recording is larger than {self._max_bytes // 2**20} MB.")


async def _read_header(
    stream: PolyAIResponse, pieces: AsyncIterator[bytes]
) -> tuple[bytes, WavHeader]:
    """Read up to the start of the audio.

    Raises:
        UnexpectedEncoding: it is not a WAV and the headers name a compression; alone they are
            often wrong.
        WavError: it is not a recording.
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
