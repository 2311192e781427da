"""Gathers the facts of one decision, reading no more than it needs, and decides."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from bot.access.audience import AudienceReader
from bot.access.directory import Conversation, Directory
from bot.access.grants import Right
from bot.access.members import Members
from bot.access.policy import (
    Audience,
    Decision,
    Facts,
    Reason,
    Standing,
    decide,
    raw_or_nothing,
)
from bot.access.rights import Holders, Rights
from bot.errors import CallAudioError
from bot.logs import get_logger

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
    raw_only: bool = False
    """What is asked for has no redacted variant, and needs a cleared audience in any case."""


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
        directory: Directory,
        rights: Rights,
        audience: AudienceReader,
        audience_must_be_cleared: bool,
        external_channels: frozenset[str],
    ) -> None:
        self._directory = directory
        self._rights = rights
        self._audience = audience
        self._audience_must_be_cleared = audience_must_be_cleared
        self._external_channels = external_channels

    async def rule(self, question: Question) -> Ruling:
        """Decide; a fact that cannot be learnt counts against raw, never for it."""
        ruling = await self._rule(question)
        if question.raw_only:
            return replace(ruling, decision=raw_or_nothing(ruling.decision))
        return ruling

    async def survey(self, question: Question) -> Facts:
        """Learn every fact about a recording that is already there, its audience included."""
        place = await self._look(question)
        facts = await self._learn(question, place)
        return replace(facts, audience=await self._hear(question, place))

    async def _rule(self, question: Question) -> Ruling:
        place = await self._look(question)
        facts = await self._learn(question, place)
        decision = decide(facts)
        # The audience is the dearest fact, and only the last rule asks for it.
        if decision.reason is not Reason.AUDIENCE:
            return Ruling(decision, facts)
        facts = replace(facts, audience=await self._hear(question, place))
        return Ruling(decide(facts), facts)

    async def _look(self, question: Question) -> "_Place":
        conversation = await _or(
            None, "conversation", lambda: self._directory.conversation(question.channel_id)
        )
        own_dm = (
            conversation is not None
            and conversation.is_im
            and conversation.im_user_id == question.user_id
        )
        return _Place(conversation, Members(self._directory, question.channel_id), own_dm=own_dm)

    async def _learn(self, question: Question, place: "_Place") -> Facts:
        standing = await _or(
            Standing.UNKNOWN, "standing", lambda: self._directory.standing(question.user_id)
        )
        held = await self._rights.holders(question.team_id, Right.PII, {question.user_id})
        return Facts(
            standing=standing,
            requester_granted_by_name=question.user_id in held.by_name,
            requester_in_destination=place.own_dm
            or await _or(None, "members", lambda: place.members.include(question.user_id)),
            destination_is_external=place.is_external,
            destination_is_allow_listed=question.channel_id in self._external_channels,
            asked_redacted=question.asked_redacted,
            requester_is_cleared=_among(held, question.user_id),
            has_raw_key=question.has_raw_key,
            # What cannot be redacted is for cleared people alone, whatever the rule for audio is.
            audience_must_be_cleared=self._audience_must_be_cleared or question.raw_only,
            audience=Audience.UNKNOWN,
        )

    async def _hear(self, question: Question, place: "_Place") -> Audience:
        """Classify the audience; in their own messages with the bot it is the requester alone."""
        if place.conversation is None:
            return Audience.UNKNOWN
        if place.own_dm:
            return Audience.CLEARED
        conversation = place.conversation
        return await _or(
            Audience.UNKNOWN,
            "audience",
            lambda: self._audience.read(question.team_id, conversation, place.members),
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """The destination as one decision sees it."""

    conversation: Conversation | None
    members: Members
    own_dm: bool

    @property
    def is_external(self) -> bool | None:
        """Whether outsiders are in it; None: not known.

        Slack sends no sharing flags for a direct message; an external person there is refused by
        their standing.
        """
        if self.conversation is None:
            return None
        return False if self.own_dm else self.conversation.is_external


def _among(held: Holders, user_id: str) -> bool | None:
    return None if user_id in held.unknown else user_id in held.everyone


async def _or(unknown: T, fact: str, learn: Callable[[], Awaitable[T]]) -> T:
    """Learn a fact, or take ``unknown`` where Slack does not tell: the safe side's only door."""
    try:
        return await learn()
    except CallAudioError as error:
        log.warning("fact_unknown", fact=fact, code=error.code)
        return unknown
