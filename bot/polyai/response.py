"""One open response of PolyAI: a recording as a stream, or a body and its JSON within bounds."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

import httpx

from bot.polyai import errors
from bot.polyai.error_mapping import CORRELATION_HEADER, shown_correlation_id

T = TypeVar("T")

READ_ALL_SECONDS = 60.0
PARSED_AT_ONCE_BYTES: Final = 64 * 1024
"""Parsing this much takes about a millisecond; more is parsed in a thread."""

# Registered at IANA as HTTP content codings, and their old names.
_COMPRESSIONS = frozenset(
    ("gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "dcb", "dcz")
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits for one kind of JSON response.

    Attributes:
        max_bytes: of the body.
        max_values: objects, arrays and members in it. Empty ones are three bytes on the wire and
            sixty in memory, so the size of a body does not bound its size in memory.
        fields: names of members that are kept, at any depth; all others are dropped while parsing.
            They are most of a response, and may be personal.
    """

    max_bytes: int
    max_values: int
    fields: frozenset[str]


class PolyAIResponse:
    """An open response, to be closed by its user.

    The format of a recording is read from the body, because the headers are often wrong about it.

    Attributes:
        content_length: the announced bytes; None when chunked, absent or unreadable.
        tells_end: whether HTTP alone shows that a body was cut short.
        is_compressed: whether ``Content-Encoding`` names a compression. Storage services also send
            values that are none: ``utf-8``, ``aws-chunked``.
        correlation_id: PolyAI's id of this response, or the id that was sent.
    """

    def __init__(self, response: httpx.Response, *, sent_correlation_id: str) -> None:
        self._response = response
        headers = response.headers
        is_chunked = "Transfer-Encoding" in headers
        length = headers.get("Content-Length", "")
        has_length = not is_chunked and re.fullmatch(r"[0-9]{1,18}", length)
        self.content_length = int(length) if has_length else None
        self.tells_end = is_chunked or self.content_length is not None
        encodings = headers.get("Content-Encoding", "").lower().split(",")
        self.is_compressed = not _COMPRESSIONS.isdisjoint(each.strip() for each in encodings)
        self.correlation_id: str | None = (
            shown_correlation_id(headers.get(CORRELATION_HEADER)) or sent_correlation_id
        )

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body undecoded, in pieces of at most about 64 KiB.

        Raises:
            RecordingCutShort: the connection ended before the announced length.
            PolyAIUnavailable: nothing more arrived in time.
        """
        received_bytes = 0
        try:
            async for chunk in self._response.aiter_raw():
                received_bytes += len(chunk)
                yield chunk
        except httpx.TimeoutException as error:
            raise errors.PolyAIUnavailable(correlation_id=self.correlation_id) from error
        except httpx.HTTPError as error:
            raise errors.RecordingCutShort(correlation_id=self.correlation_id) from error
        # aiohttp notices a short body itself; another transport may not.
        if self.content_length is not None and received_bytes != self.content_length:
            raise errors.RecordingCutShort(correlation_id=self.correlation_id)

    async def body(self, max_bytes: int) -> bytes:
        """Read it to its end, undecoded, within a minute.

        Raises:
            AnswerTooLarge: it is longer than ``max_bytes``.
            PolyAIUnavailable: it broke off or took too long.
        """
        body = bytearray()
        try:
            async with asyncio.timeout(READ_ALL_SECONDS):
                async for chunk in self._response.aiter_raw():
                    body += chunk
                    if len(body) > max_bytes:
                        raise errors.AnswerTooLarge
        except (httpx.HTTPError, TimeoutError) as error:
            raise errors.PolyAIUnavailable from error
        return bytes(body)

    async def json(self, bounds: Bounds, read: Callable[[object], T]) -> T:
        """Read it to its end; return what ``read`` makes of its JSON; None: no JSON.

        A large one is parsed in a thread, so that the event loop serves other requests meanwhile.

        Raises:
            AnswerTooLarge: it is longer, or holds more values, than the bounds allow.
            PolyAIError: it is compressed, broke off or took too long, or ``read`` raised.
        """

        def work() -> T:
            return read(_kept(body, bounds))

        try:
            if self.is_compressed:
                raise errors.UnexpectedEncoding
            body = await self.body(bounds.max_bytes)
            is_short = len(body) <= PARSED_AT_ONCE_BYTES
            return work() if is_short else await asyncio.to_thread(work)
        except errors.PolyAIError as error:
            error.correlation_id = self.correlation_id
            raise

    async def aclose(self) -> None:
        """Close it; a failure to close must not hide the result, so it is ignored."""
        with suppress(Exception):
            await self._response.aclose()


def _kept(body: bytes, bounds: Bounds) -> object:
    # Counted before parsing: characters inside strings count too, which the bounds allow for.
    if sum(body.count(each) for each in (b",", b"{", b"[")) > bounds.max_values:
        raise errors.AnswerTooLarge

    def keep(members: dict[str, object]) -> dict[str, object]:
        # Called for each object, which releases the interpreter lock; the parser itself does not.
        return {name: members[name] for name in bounds.fields & members.keys()}

    try:
        return json.loads(body, object_hook=keep)
    except (ValueError, RecursionError):
        return None
