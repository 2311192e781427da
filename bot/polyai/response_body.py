"""Reads a whole body and its JSON within bounds, and closes the response."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

import httpx

from bot.polyai import errors

T = TypeVar("T")

READ_ALL_SECONDS = 60.0
PARSED_AT_ONCE_BYTES: Final = 64 * 1024
"""Parsing this much takes about a millisecond; more is parsed in a thread."""


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
    """Close a response; a failure to close must not hide the result, so it is ignored."""
    with suppress(Exception):
        await response.aclose()


async def read_json(response: httpx.Response, bounds: Bounds, read: Callable[[object], T]) -> T:
    """Read an open response to its end; return what ``read`` makes of its JSON; None: no JSON.

    A large one is parsed in a thread, so that the event loop serves other requests meanwhile.

    Raises:
        AnswerTooLarge: it is longer, or holds more values, than the bounds allow.
        PolyAIError: it broke off, took too long, or ``read`` raised.
    """
    body = await read_body(response, max_bytes=bounds.max_bytes)

    def work() -> T:
        return read(_kept(body, bounds))

    return work() if len(body) <= PARSED_AT_ONCE_BYTES else await asyncio.to_thread(work)


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


def json_object(body: bytes) -> dict[str, object]:
    """Return the JSON object in a short body; an empty one for anything else."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
