"""Audio answers in every shape a client must survive (facts/polyai.md, sections 4 and 5)."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Iterator

from aiohttp import web

from bot.sandbox.faults import Fault, Faults
from bot.sandbox.polyai_calls import PolyCall, Recording, Shape
from bot.sandbox.recordings import Direction

_RIFF_SIZE, _DATA_SIZE = slice(4, 8), slice(40, 44)
_EXTRA = bytes(65536)
_SLOW_PIECE_BYTES = 16 * 1024
_CHUNKED = (
    Shape.CHUNKED,
    Shape.CHUNKED_SIZES_UNKNOWN,
    Shape.CHUNKED_SIZES_ZERO,
    Shape.OVERLONG,
)
_SIZES = {Shape.CHUNKED_SIZES_UNKNOWN: b"\xff\xff\xff\xff", Shape.CHUNKED_SIZES_ZERO: bytes(4)}


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
    response = web.StreamResponse(headers={**headers, "Content-Type": "audio/wav"})
    if call.shape is Shape.GZIP:
        body = gzip.compress(b"".join(pieces))
        pieces, length = iter([body]), len(body)
        response.headers["Content-Encoding"] = "gzip"
    if call.shape in _CHUNKED:
        response.enable_chunked_encoding()
    else:
        response.content_length = length
    await response.prepare(request)
    stop_at: int | None = length // 2 if halfway or call.shape is Shape.TRUNCATED else None
    pause = call.pause_seconds if call.shape is Shape.SLOW else 0.0
    sent = 0
    async for piece in _paced(pieces, pause):
        at = 0
        if stop_at is not None and sent + len(piece) > stop_at:
            at, stop_at = stop_at - sent, None
            await response.write(piece[:at])
            if not await _goes_on(halfway):
                _end(request)
                return response
        await response.write(piece[at:])
        sent += len(piece)
    await response.write_eof()
    return response


async def _goes_on(halfway: tuple[Faults, Fault] | None) -> bool:
    if halfway is None:
        return False
    faults, fault = halfway
    await faults.sit_out(fault)
    return not (fault.drop_connection or fault.replaces_answer)


def _end(request: web.Request) -> None:
    # An orderly close: what was written still arrives, and then nothing more can.
    if request.transport is not None:
        request.transport.close()


def _shaped(pieces: Iterator[bytes], shape: Shape, length: int) -> Iterator[bytes]:
    first = bytearray(next(pieces))
    if shape in _SIZES:
        first[_RIFF_SIZE] = first[_DATA_SIZE] = _SIZES[shape]
    elif shape is Shape.RIFF_SAYS_MORE:
        first[_RIFF_SIZE] = (length - 8 + len(_EXTRA)).to_bytes(4, "little")
        first[_DATA_SIZE] = (length - 44 + len(_EXTRA)).to_bytes(4, "little")
    yield bytes(first)
    yield from pieces
    if shape is Shape.OVERLONG:
        yield _EXTRA


async def _paced(pieces: Iterator[bytes], pause_seconds: float) -> AsyncIterator[bytes]:
    for piece in pieces:
        step = _SLOW_PIECE_BYTES if pause_seconds else len(piece)
        for at in range(0, len(piece), step):
            if pause_seconds:
                await asyncio.sleep(pause_seconds)
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
