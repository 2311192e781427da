"""Reading a whole, bounded body, and closing an answer."""

import asyncio
import json
from contextlib import suppress

import httpx

from bot.polyai import errors

READ_ALL_SECONDS = 60.0


async def read_body(response: httpx.Response, *, max_bytes: int) -> bytes:
    """Read an open answer to its end, undecoded, within a minute.

    Raises:
        AnswerTooLarge: the body is longer than ``max_bytes``.
        PolyAIUnavailable: it broke off or took too long.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(READ_ALL_SECONDS):
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > max_bytes:
                    raise errors.AnswerTooLarge
    except (httpx.HTTPError, TimeoutError) as error:
        raise errors.PolyAIUnavailable from error
    return bytes(body)


async def close_answer(response: httpx.Response) -> None:
    """Close an answer; by now it is judged, and no failure to close may hide what was found."""
    with suppress(Exception):
        await response.aclose()


def json_object(body: bytes) -> dict[str, object]:
    """Return the JSON object in ``body``; anything else, unreadable text too, is an empty one."""
    parsed = json_value(body)
    return parsed if isinstance(parsed, dict) else {}


def json_value(body: bytes) -> object:
    """Return what the JSON in ``body`` says; None where it is not JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
