"""A recording while it arrives."""

import re
from collections.abc import AsyncGenerator

import httpx

from bot.polyai import errors
from bot.polyai.error_mapping import CORRELATION_HEADER, shown_correlation_id

# Registered at IANA as HTTP content codings, and their old names.
_COMPRESSIONS = frozenset(
    ("gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "dcb", "dcz")
)


class AudioStream:
    """One open audio response; valid inside ``PolyAIClient.open_audio`` only.

    The format is read from the body, because the headers are often wrong about it.

    Attributes:
        content_length: the announced bytes; None when chunked, absent or unreadable.
        tells_end: whether HTTP alone shows that a body was cut short.
        is_compressed: whether the headers name a compression.
        correlation_id: PolyAI's id of this response, or the id that was sent.
    """

    def __init__(self, response: httpx.Response, *, sent_correlation_id: str) -> None:
        self._response = response
        self.content_length = _content_length(response.headers)
        is_chunked = "Transfer-Encoding" in response.headers
        self.tells_end = is_chunked or self.content_length is not None
        self.is_compressed = is_compressed(response.headers)
        self.correlation_id: str | None = (
            shown_correlation_id(response.headers.get(CORRELATION_HEADER)) or sent_correlation_id
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


def check_encoding(headers: httpx.Headers) -> None:
    """Refuse a compressed body.

    Raises:
        UnexpectedEncoding: the body is compressed.
    """
    if is_compressed(headers):
        raise errors.UnexpectedEncoding


def is_compressed(headers: httpx.Headers) -> bool:
    """Whether ``Content-Encoding`` names a compression.

    Storage services also send values that are no compression: ``utf-8``, ``aws-chunked``.
    """
    named = {each.strip().lower() for each in headers.get("Content-Encoding", "").split(",")}
    return not named.isdisjoint(_COMPRESSIONS)


def _content_length(headers: httpx.Headers) -> int | None:
    text = headers.get("Content-Length", "")
    if "Transfer-Encoding" in headers or not re.fullmatch(r"[0-9]{1,18}", text):
        return None
    return int(text)
