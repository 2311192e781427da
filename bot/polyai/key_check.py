"""Whether the plain key of an agent returns redacted recordings only.

PolyAI's answer does not say which version it is, so the versions are compared: a key without PII
access returns the same for either ``redacted`` (measured). Bytes are counted and hashed as they
arrive, and never kept.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import SecretStr

from bot.polyai.agents import Agent
from bot.polyai.audio import AudioStream
from bot.polyai.client import conversation_url
from bot.polyai.errors import AnswerTooLarge
from bot.polyai.http import HttpGet
from bot.polyai.response_body import close_answer

MAX_BYTES: Final = 64 * 2**20


class KeyVerdict(StrEnum):
    """What the recordings of one call show about the keys."""

    APART = "apart"
    PLAIN_KEY_FETCHES_RAW = "plain_gets_raw"
    SWAPPED = "swapped"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The length and hash of a recording, without its content."""

    size_bytes: int
    sha256: str


class KeyCheck:
    """Compares the recordings that an agent's keys return for one call."""

    def __init__(self, http: HttpGet) -> None:
        self._http = http

    async def compare(self, agent: Agent, conversation_id: str) -> KeyVerdict:
        """Fetch the recording with ``redacted`` true and false; the raw key refines the verdict.

        Raises:
            PolyAIError: a recording cannot be fetched.
            AnswerTooLarge: it is longer than the limit for comparing.
        """

        async def brings(key: SecretStr, *, redacted: bool) -> Fingerprint:
            return await self._fingerprint(agent, conversation_id, key, redacted=redacted)

        redacted = await brings(agent.api_key, redacted=True)
        plain = await brings(agent.api_key, redacted=False)
        if redacted != await brings(agent.api_key, redacted=True):
            return KeyVerdict.INCONCLUSIVE  # two equal requests differ
        if plain != redacted:
            raw_key = agent.pii_api_key
            swapped = raw_key and await brings(raw_key, redacted=False) == redacted
            return KeyVerdict.SWAPPED if swapped else KeyVerdict.PLAIN_KEY_FETCHES_RAW
        if agent.pii_api_key is None:
            return KeyVerdict.INCONCLUSIVE  # perhaps the call holds nothing to mute
        raw = await brings(agent.pii_api_key, redacted=False)
        again = await brings(agent.pii_api_key, redacted=True)
        return KeyVerdict.APART if raw != redacted == again else KeyVerdict.INCONCLUSIVE

    async def _fingerprint(
        self, agent: Agent, conversation_id: str, key: SecretStr, *, redacted: bool
    ) -> Fingerprint:
        async def fetch() -> Fingerprint:
            response, sent_id = await self._http.open(
                f"{conversation_url(agent, conversation_id)}/audio",
                key,
                accept="audio/wav",
                params={"redacted": "true" if redacted else "false", "direction": "combined"},
            )
            try:
                return await _counted(AudioStream(response, sent_correlation_id=sent_id))
            finally:
                await close_answer(response)

        return await self._http.retrying(fetch)


async def _counted(stream: AudioStream) -> Fingerprint:
    digest, size_bytes = hashlib.sha256(), 0
    async for chunk in stream.chunks():
        size_bytes += len(chunk)
        if size_bytes > MAX_BYTES:
            raise AnswerTooLarge(
                what="The recording is too long to be compared.",
                fix="Name a shorter call: `callaudio doctor --conversation <id>`.",
            )
        digest.update(chunk)
    return Fingerprint(size_bytes, digest.hexdigest())
