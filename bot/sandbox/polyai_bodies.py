"""Audio responses in every shape that a client must handle."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Iterator

from aiohttp import web

from bot.sandbox.faults import Fault, Faults
from bot.sandbox.polyai_calls import PolyCall, Recording, Shape
from bot.sandbox.recordings import Direction

_RIFF_SIZE, _DATA_SIZE, _HEADER_BYTES = slice(4, 8), slice(40, 44), 44
_EXTRA = bytes(65536)
_TRAILER = b"\x00\x1a\x0a"
_PIECE_BYTES = {Shape.SLOW: 16 * 1024, Shape.TRICKLE: 1}
_CHUNKED = (
    Shape.CHUNKED,
    Shape.CHUNKED_SIZES_UNKNOWN,
    Shape.CHUNKED_SIZES_ZERO,
    Shape.CHUNKED_SIZES_HUGE,
    Shape.OVERLONG,
    Shape.CHUNKED_CUT,
)
_TO_THE_END = (Shape.TO_THE_END, Shape.TO_THE_END_CUT)
_CUT = (Shape.TRUNCATED, Shape.CHUNKED_CUT, Shape.TO_THE_END_CUT)
_PLACEHOLDERS = {
    Shape.CHUNKED_SIZES_UNKNOWN: b"\xff\xff\xff\xff",
    Shape.CHUNKED_SIZES_ZERO: bytes(4),
    Shape.CHUNKED_SIZES_HUGE: b"\xff\xff\xff\x7f",
}


async def send_audio(
    request: web.Request,
    call: PolyCall,
    recording: Recording,
    direction: Direction,
    *,
    redacted: bool,
    headers: dict[str, str],
    halfway: tuple[Faults, Fault] | None = None,
) -> web.StreamResponse:
    """Answer with the recording in the call's shape; ``halfway`` is a fault in mid-body."""
    other = _without_audio(call.shape, headers)
    if other is not None:
        return other
    length = recording.length(direction, redacted=redacted)
    pieces = _shaped(recording.pieces(direction, redacted=redacted), call.shape, length)
    response = web.StreamResponse(headers={**headers, "Content-Type": "audio/wav", **call.headers})
    if call.shape is Shape.GZIP:
        pieces = iter([gzip.compress(b"".join(pieces))])
        response.headers["Content-Encoding"] = "gzip"
    if call.shape in (Shape.GZIP, Shape.TRAILER, Shape.EMPTY_DATA):
        whole = b"".join(pieces)
        pieces, length = iter([whole]), len(whole)
    if call.shape in _CHUNKED:
        response.enable_chunked_encoding()
    elif call.shape in _TO_THE_END:
        return await _send_to_the_end(request, response, pieces, call.shape, length)
    else:
        response.content_length = length
    await response.prepare(request)
    stop_at: int | None = length // 2 if halfway or call.shape in _CUT else None
    sent = 0
    async for piece in _paced(pieces, call):
        at = 0
        if stop_at is not None and sent + len(piece) > stop_at:
            at, stop_at = stop_at - sent, None
            await response.write(piece[:at])
            if not await _may_continue(halfway):
                _end(request)
                return response
        await response.write(piece[at:])
        sent += len(piece)
    await response.write_eof()
    return response


async def _send_to_the_end(
    request: web.Request,
    response: web.StreamResponse,
    pieces: Iterator[bytes],
    shape: Shape,
    length: int,
) -> web.StreamResponse:
    # The framework always frames the body, so this is written to the transport directly.
    head = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
    body = b"".join(pieces)
    if request.transport is not None:
        request.transport.write(f"HTTP/1.0 200 OK\r\n{head}\r\n".encode())
        request.transport.write(body[: length // 2] if shape in _CUT else body)
    _end(request)
    return web.Response()


async def _may_continue(halfway: tuple[Faults, Fault] | None) -> bool:
    if halfway is None:
        return False
    faults, fault = halfway
    await faults.sit_out(fault)
    return not (fault.drop_connection or fault.replaces_answer)


def _end(request: web.Request) -> None:
    # An orderly close: everything written still arrives, and nothing after it.
    if request.transport is not None:
        request.transport.close()


def _shaped(pieces: Iterator[bytes], shape: Shape, length: int) -> Iterator[bytes]:
    first = bytearray(next(pieces))
    if shape in _PLACEHOLDERS:
        first[_RIFF_SIZE] = first[_DATA_SIZE] = _PLACEHOLDERS[shape]
    elif shape is Shape.RIFF_SAYS_MORE:
        first[_RIFF_SIZE] = (length - 8 + len(_EXTRA)).to_bytes(4, "little")
        first[_DATA_SIZE] = (length - _HEADER_BYTES + len(_EXTRA)).to_bytes(4, "little")
    elif shape is Shape.RIFF_SAYS_LESS:
        first[_RIFF_SIZE] = (length // 2).to_bytes(4, "little")
    elif shape is Shape.RIFF_SIZE_OF_FILE:
        first[_RIFF_SIZE] = length.to_bytes(4, "little")
    elif shape is Shape.EMPTY_DATA:
        first[_RIFF_SIZE] = (_HEADER_BYTES - 8).to_bytes(4, "little")
        first[_DATA_SIZE] = bytes(4)
        yield bytes(first[:_HEADER_BYTES])
        return
    yield bytes(first)
    yield from pieces
    if shape is Shape.OVERLONG:
        yield _EXTRA
    if shape is Shape.TRAILER:
        yield _TRAILER


async def _paced(pieces: Iterator[bytes], call: PolyCall) -> AsyncIterator[bytes]:
    for piece in pieces:
        step = _PIECE_BYTES.get(call.shape, len(piece))
        for at in range(0, len(piece), step):
            if call.shape in _PIECE_BYTES:
                await asyncio.sleep(call.pause_seconds)
            yield piece[at : at + step]


def _without_audio(shape: Shape, headers: dict[str, str]) -> web.Response | None:
    if shape is Shape.HTML:
        page = "<html><body>502 Bad Gateway</body></html>"
        return web.Response(text=page, content_type="text/html", headers=headers)
    if shape is Shape.JSON:
        return web.json_response({"message": "no audio"}, headers=headers)
    audio = {**headers, "Content-Type": "audio/wav"}
    if shape is Shape.EMPTY:
        return web.Response(body=b"", headers=audio)
    if shape is Shape.NOT_RIFF:
        return web.Response(body=b"ID3\x04" + bytes(4096), headers=audio)
    if shape is Shape.REDIRECT:
        return web.Response(status=302, headers={**headers, "Location": "/redirected"})
    return None
