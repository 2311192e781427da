"""A recording while it arrives."""

import re
from collections.abc import AsyncGenerator

import httpx

from bot.polyai import errors
from bot.polyai.translation import CORRELATION_HEADER, shown_correlation_id

_BINARY_TYPES = ("", "application/octet-stream", "binary/octet-stream")


class AudioStream:
    """One open answer with audio in it; valid inside ``PolyAIClient.open_audio`` only.

    Attributes:
        content_length: bytes announced, or None when chunked, absent or unreadable.
        content_type: lower-case media type without parameters, or "".
        correlation_id: PolyAI's id of this answer, or the one we sent.
    """

    def __init__(self, response: httpx.Response, *, sent_correlation_id: str) -> None:
        self._response = response
        self.content_length = _content_length(response.headers)
        self.content_type = media_type(response.headers)
        self.correlation_id: str | None = (
            shown_correlation_id(response.headers.get(CORRELATION_HEADER)) or sent_correlation_id
        )

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it came, undecoded, in pieces of at most about 64 KiB.

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


def check_audio(headers: httpx.Headers, *, correlation_id: str | None) -> None:
    """Refuse a 200 that is compressed or does not claim to be audio.

    An absent type and ``application/octet-stream`` pass: the WAV header decides about them.

    Raises:
        UnexpectedEncoding: a ``Content-Encoding`` other than ``identity``.
        NotAudio: HTML, JSON or another type.
    """
    check_encoding(headers, correlation_id=correlation_id)
    kind = media_type(headers)
    if not kind.startswith("audio/") and kind not in _BINARY_TYPES:
        raise errors.NotAudio(correlation_id=correlation_id)


def check_encoding(headers: httpx.Headers, *, correlation_id: str | None = None) -> None:
    """Refuse a compressed body.

    Raises:
        UnexpectedEncoding: a ``Content-Encoding`` other than ``identity``.
    """
    if headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise errors.UnexpectedEncoding(correlation_id=correlation_id)


def media_type(headers: httpx.Headers) -> str:
    """Return the lower-case media type without parameters, "" if there is none."""
    content_type: str = headers.get("Content-Type", "")
    return content_type.partition(";")[0].strip().lower()


def _content_length(headers: httpx.Headers) -> int | None:
    text = headers.get("Content-Length", "")
    if "Transfer-Encoding" in headers or not re.fullmatch(r"[0-9]{1,18}", text):
        return None
    return int(text)
