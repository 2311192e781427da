"""Gathers the facts of one decision, reading no more than it needs, and decides."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from bot.access.audience import AudienceReader
from bot.access.directory import Conversation, Directory
from bot.access.grants import Right, holders
from bot.access.members import Members
from bot.access.policy import Audience, Decision, Facts, Reason, Standing, decide
from bot.errors import CallAudioError
from bot.logs import get_logger
from bot.store.database import Database

T = TypeVar("T")
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """Who wants to hear what, where."""

    team_id: str
    user_id: str
    channel_id: str
    asked_redacted: bool
    has_raw_key: bool


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision and the facts behind it."""

    decision: Decision
    facts: Facts


class Decider:
    """Answers a question afresh each time: nothing is kept from one decision to the next."""

    def __init__(
        self,
        *,
        database: Database,
        directory: Directory,
        audience: AudienceReader,
        clock: Callable[[], datetime],
        audience_must_be_cleared: bool,
        external_channels: frozenset[str],
    ) -> None:
        self._database = database
        self._directory = directory
        self._audience = audience
        self._clock = clock
        self._audience_must_be_cleared = audience_must_be_cleared
        self._external_channels = external_channels

    async def rule(self, question: Question) -> Ruling:
        """Decide; a fact that cannot be learnt counts against raw, never for it."""
        standing = await _or(
            Standing.UNKNOWN, "standing", lambda: self._directory.standing(question.user_id)
        )
        conversation = await _or(
            None, "conversation", lambda: self._directory.conversation(question.channel_id)
        )
        members = Members(self._directory, question.channel_id)
        own_dm = (
            conversation is not None
            and conversation.is_im
            and conversation.im_user_id == question.user_id
        )
        cleared = await self._is_cleared(question)
        facts = Facts(
            standing=standing,
            requester_granted_by_name=cleared,
            requester_in_destination=own_dm
            or await _or(None, "members", lambda: members.include(question.user_id)),
            destination_is_external=_is_external(conversation, own_dm=own_dm),
            destination_is_allow_listed=question.channel_id in self._external_channels,
            asked_redacted=question.asked_redacted,
            requester_is_cleared=cleared,
            has_raw_key=question.has_raw_key,
            audience_must_be_cleared=self._audience_must_be_cleared,
            audience=Audience.UNKNOWN,
        )
        decision = decide(facts)
        # The audience is the dearest fact, and only the last rule asks for it.
        if decision.reason is not Reason.AUDIENCE or conversation is None:
            return Ruling(decision, facts)
        facts = replace(
            facts,
            audience=Audience.CLEARED
            if own_dm
            else await _or(
                Audience.UNKNOWN,
                "audience",
                lambda: self._audience.read(question.team_id, conversation, members),
            ),
        )
        return Ruling(decide(facts), facts)

    async def _is_cleared(self, question: Question) -> bool:
        async with self._database.read() as session:
            held = await holders(
                session, question.team_id, Right.PII, {question.user_id}, self._clock()
            )
        return question.user_id in held


def _is_external(conversation: Conversation | None, *, own_dm: bool) -> bool | None:
    if conversation is None:
        return None
    # Slack sends no sharing flags for a direct message; an external person there is refused by
    # their standing.
    return False if own_dm else conversation.is_external


async def _or(unknown: T, fact: str, learn: Callable[[], Awaitable[T]]) -> T:
    """Learn a fact, or take ``unknown`` where Slack does not tell: the safe side's only door."""
    try:
        return await learn()
    except CallAudioError as error:
        log.warning("fact_unknown", fact=fact, code=error.code)
        return unknown
