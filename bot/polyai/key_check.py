"""Whether the plain key of an agent returns redacted recordings only.

PolyAI's answer does not say which version it is, so the versions are compared: a key without PII
access returns the same for either ``redacted`` (measured). Bytes are counted and hashed as they
arrive, and never kept.
"""

import hashlib
from enum import StrEnum
from typing import Final

from bot.polyai.agents import Agent
from bot.polyai.client import PolyAIClient
from bot.polyai.errors import AnswerTooLarge
from bot.polyai.response import PolyAIResponse

MAX_BYTES: Final = 64 * 2**20


class KeyVerdict(StrEnum):
    """What the recordings of one call show about the keys."""

    APART = "apart"
    PLAIN_KEY_FETCHES_RAW = "plain_gets_raw"
    SWAPPED = "swapped"
    INCONCLUSIVE = "inconclusive"


async def compare_keys(polyai: PolyAIClient, agent: Agent, conversation_id: str) -> KeyVerdict:
    """Fetch a recording with ``redacted`` true and false; the raw key refines the verdict.

    Raises:
        PolyAIError: a recording cannot be fetched.
        AnswerTooLarge: it is longer than the limit for comparing.
    """

    async def brings(*, with_raw_key: bool = False, redacted: bool) -> tuple[int, str]:
        opening = polyai.open_to_check(
            agent, conversation_id, with_raw_key=with_raw_key, redacted=redacted
        )
        async with opening as response:
            return await _fingerprint(response)

    redacted = await brings(redacted=True)
    plain = await brings(redacted=False)
    if redacted != await brings(redacted=True):
        return KeyVerdict.INCONCLUSIVE  # two equal requests differ
    if plain != redacted:
        has_raw_key = agent.pii_api_key is not None
        swapped = has_raw_key and await brings(with_raw_key=True, redacted=False) == redacted
        return KeyVerdict.SWAPPED if swapped else KeyVerdict.PLAIN_KEY_FETCHES_RAW
    if agent.pii_api_key is None:
        return KeyVerdict.INCONCLUSIVE  # perhaps the call holds nothing to mute
    raw = await brings(with_raw_key=True, redacted=False)
    again = await brings(with_raw_key=True, redacted=True)
    return KeyVerdict.APART if raw != redacted == again else KeyVerdict.INCONCLUSIVE


async def _fingerprint(response: PolyAIResponse) -> tuple[int, str]:
    """Return the length and the hash of a recording."""
    digest, size_bytes = hashlib.sha256(), 0
    async for chunk in response.chunks():
        size_bytes += len(chunk)
        if size_bytes > MAX_BYTES:
            raise AnswerTooLarge(
                what="The recording is too long to be compared.",
                fix="Name a shorter call: `callaudio doctor --conversation <id>`.",
            )
        digest.update(chunk)
    return size_bytes, digest.hexdigest()
