"""Moves a recording from PolyAI to Slack in bounded memory, counting every byte on the way."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass

from bot.errors import CallAudioError
from bot.metrics import Metrics
from bot.polyai.agents import Agent
from bot.polyai.client import AudioStream, PolyAIClient
from bot.polyai.payloads import CallFacts, Direction
from bot.recordings.posting import NewFile, Posting, UploadTicket
from bot.recordings.wav import (
    BodyTooLong,
    BodyTruncated,
    EmptyBody,
    TooLarge,
    WavHeader,
    parse_wav_header,
)

Watcher = Callable[[bytes], None]
"""Sees each piece of a recording as it leaves; what it does is paid for by the transfer."""


class RecordingChanged(CallAudioError):
    """The second request did not match the first: the recording is still being written."""

    code = "recording_changed"
    what = "The recording changed while it was being fetched."
    likely_cause = "The call has only just ended and PolyAI is still writing its audio."
    fix = "Try again in a few minutes."
    retryable = True


@dataclass(frozen=True, slots=True)
class Source:
    """Which recording, in which variant."""

    agent: Agent
    conversation_id: str
    direction: Direction
    raw: bool
    call: CallFacts | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """The exact size of a recording, known before its upload starts."""

    size_bytes: int
    length_seconds: float | None


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
    ) -> None:
        self._polyai = polyai
        self._posting = posting
        self._metrics = metrics
        self._max_bytes = max_bytes
        self._places = asyncio.Semaphore(max_concurrent)

    async def measure(self, source: Source) -> Measured:
        """Open the recording, check that it is one, and learn its exact length.

        The length is the Content-Length, else what the RIFF header says, else counted by reading
        the body through once.

        Raises:
            CallAudioError: the recording cannot be had, or is not one.
        """
        async with self._places, self._open(source) as stream:
            chunks = stream.chunks()
            async with aclosing(chunks):
                prefix, header = await _read_header(chunks)
                size = _announced_size(stream.content_length, header)
                if size is None:
                    size = len(prefix)
                    async for chunk in chunks:
                        size += len(chunk)
                        self._check_size(size)
        self._check_size(size)
        return Measured(size, header.length_seconds(size))

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
        async with self._places, self._open(source) as stream:
            announced = stream.content_length
            if announced is not None and announced != file.size_bytes:
                raise RecordingChanged
            chunks = stream.chunks()
            async with aclosing(chunks):
                prefix, _ = await _read_header(chunks)
                ticket = await self._posting.start_upload(file)
                body = exactly(prefix, chunks, file.size_bytes)
                if watchers:
                    body = _watched(body, watchers)
                await self._send(ticket, file, body, variant=_variant(source))
        return ticket.file_id

    async def _send(
        self,
        ticket: UploadTicket,
        file: NewFile,
        body: AsyncGenerator[bytes, None],
        *,
        variant: str,
    ) -> None:
        with self._metrics.relays_in_progress.track_inprogress():
            async with aclosing(body):
                await self._posting.send(ticket, file, body)
        self._metrics.relay_bytes.labels(variant=variant).inc(file.size_bytes)

    def _open(self, source: Source) -> AbstractAsyncContextManager[AudioStream]:
        return self._polyai.open_audio(
            source.agent,
            source.conversation_id,
            direction=source.direction,
            raw=source.raw,
            facts=source.call,
        )

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._max_bytes:
            raise TooLarge(
                what=f"The recording is larger than {self._max_bytes // 2**20} MB.",
            )


async def exactly(
    prefix: bytes, chunks: AsyncIterator[bytes], size_bytes: int
) -> AsyncGenerator[bytes, None]:
    """Give the body piece by piece, one piece late, and fail unless it has exactly the size.

    Raises:
        BodyTruncated: the source ended early.
        BodyTooLong: the source went on.
    """
    held, seen = prefix, len(prefix)
    async for chunk in chunks:
        if not chunk:
            continue
        seen += len(chunk)
        if seen > size_bytes:
            raise BodyTooLong
        yield held
        held = chunk
    if seen > size_bytes:
        raise BodyTooLong
    if seen < size_bytes:
        raise BodyTruncated
    yield held


async def _watched(
    body: AsyncGenerator[bytes, None], watchers: Sequence[Watcher]
) -> AsyncGenerator[bytes, None]:
    async with aclosing(body):
        async for piece in body:
            for watch in watchers:
                watch(piece)
            yield piece


async def _read_header(chunks: AsyncIterator[bytes]) -> tuple[bytes, WavHeader]:
    prefix = b""
    async for chunk in chunks:
        prefix += chunk
        header = parse_wav_header(prefix, complete=False)
        if header:
            return prefix, header
    header = parse_wav_header(prefix, complete=True)
    if header is None:
        raise EmptyBody
    return prefix, header


def _announced_size(content_length: int | None, header: WavHeader) -> int | None:
    declared = header.declared_bytes
    if content_length is None:
        return declared
    if declared is not None:
        if declared > content_length:
            raise BodyTruncated
        # One byte more is the padding of a chunk of odd length.
        if declared + 1 < content_length:
            raise BodyTooLong
    return content_length


def _variant(source: Source) -> str:
    return "raw" if source.raw else "redacted"
