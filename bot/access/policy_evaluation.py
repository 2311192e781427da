"""Gathers the facts of a decision from Slack and the store, and evaluates the policy with them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from bot.access.audience import AudienceReader
from bot.access.clearance import Clearances
from bot.access.directory import Conversation, Directory, Members, is_direct_message
from bot.access.exposure import ConversationFacts, Exposure, exposure_of
from bot.access.policy import Audience, Decision, Facts, Reason, decide, raw_or_nothing
from bot.access.unknown_facts import log_unknown_fact, note_unknown_fact
from bot.concurrency.gather import both
from bot.errors import CallAudioError, TooManyLookups

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Question:
    """A requester, the destination, and the variants that are possible."""

    team_id: str
    user_id: str
    channel_id: str
    asked_redacted: bool
    has_raw_key: bool
    raw_only: bool = False
    """There is no redacted variant; the audience must be cleared under any audience rule."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A decision, its facts, and when a delivery took it."""

    decision: Decision
    facts: Facts
    taken_at: datetime | None = None


class PolicyEvaluator:
    """Evaluates the policy with facts read now, and reads no more of them than it needs."""

    def __init__(
        self,
        *,
        directory: Directory,
        clearances: Clearances,
        audience: AudienceReader,
        audience_must_be_cleared: bool,
        external_channels: frozenset[str],
    ) -> None:
        self._directory = directory
        self._clearances = clearances
        self._audience = audience
        self._audience_must_be_cleared = audience_must_be_cleared
        self._external_channels = external_channels

    async def evaluate(
        self, question: Question, conversation: Awaitable[Conversation] | None = None
    ) -> Evaluation:
        """Gather the facts and decide; an unknown fact never leads to raw.

        ``conversation``: the destination, if the caller is reading it already.

        Raises:
            CallAudioError: the call to Slack was malformed, or not made because people press too
                many buttons. A refusal would state a reason that nobody has checked.
        """
        reading = conversation or self._directory.conversation(question.channel_id)
        members = Members(self._directory, question.channel_id)
        place, facts = await self._learn(question, reading, members)
        # The audience costs most to read: only the last rule needs it, and only in a conversation
        # that is known to be private.
        if decide(facts).reason is Reason.AUDIENCE and place and place.is_private:
            audience = Audience.CLEARED
            if not place.is_dm_of(question.user_id):
                audience = await self._classify_audience(question.team_id, place, members)
            facts = replace(facts, audience=audience)
        decision = decide(facts)
        return Evaluation(raw_or_nothing(decision) if question.raw_only else decision, facts)

    async def not_cleared(self, team_id: str, channel_id: str, limit: int) -> tuple[str, ...]:
        """List the first people in a conversation who are not cleared; empty if Slack fails.

        Show the result to admins only.
        """
        members = Members(self._directory, channel_id)
        return await _read_or(
            (), "audience", lambda: self._audience.not_cleared(team_id, members, limit)
        )

    async def conversation_facts(
        self, team_id: str, channel_id: str, *, raw_only: bool
    ) -> ConversationFacts:
        """Read the facts of a conversation once, for all recordings in it.

        ``raw_only``: one of its files has no redacted variant, so the audience is read under any
        audience rule.
        """
        try:
            conversation = await self._directory.conversation(channel_id)
        except CallAudioError as error:
            log_unknown_fact("conversation", error)
            return ConversationFacts(None, Audience.UNKNOWN, error)
        audience = Audience.UNKNOWN
        if self._members_matter(conversation, raw_only=raw_only):
            members = Members(self._directory, channel_id)
            audience = await self._classify_audience(team_id, conversation, members)
        return ConversationFacts(conversation, audience)

    async def exposure(
        self, team_id: str, user_id: str, facts: ConversationFacts, *, raw_only: bool
    ) -> Exposure:
        """Return whether a visible file of this requester may stay, by their rights now."""
        clearance = await self._clearances.recent_or_unknown(team_id, user_id)
        place = facts.conversation
        return exposure_of(
            requester_is_cleared=clearance.counts,
            destination_is_external=place.is_external_to(user_id) if place else None,
            destination_is_private=place.is_private if place else None,
            audience_must_be_cleared=self._audience_must_be_cleared or raw_only,
            audience=Audience.CLEARED if place and place.is_dm_of(user_id) else facts.audience,
        )

    def _members_matter(self, conversation: Conversation, *, raw_only: bool) -> bool:
        """Return whether the members decide if a file may stay.

        They do not in a public channel, which others can open too, nor in direct messages with
        the bot, where Slack names the one person.
        """
        open_to_others = conversation.is_external or conversation.is_private is False
        must_be_cleared = self._audience_must_be_cleared or raw_only
        return must_be_cleared and not open_to_others and not conversation.is_im

    async def _learn(
        self, question: Question, conversation: Awaitable[Conversation], members: Members
    ) -> tuple[Conversation | None, Facts]:
        """Read the conversation, the requester and the first members in parallel."""

        async def is_there() -> bool | None:
            # In direct messages with the bot there is no other member to list.
            if is_direct_message(question.channel_id):
                place = await placing
                if place and place.is_dm_of(question.user_id):
                    return True
            return await _read_or(
                None, "members", lambda: members.include(question.user_id), raise_own_mistakes=True
            )

        placing = asyncio.ensure_future(
            _read_or(None, "conversation", lambda: conversation, raise_own_mistakes=True)
        )
        clearing = self._clearances.now_or_unknown(question.team_id, question.user_id)
        place, (clearance, is_present) = await both(placing, both(clearing, is_there()))
        return place, Facts(
            standing=clearance.standing,
            held=clearance.held,
            requester_in_destination=is_present,
            destination_is_external=place.is_external_to(question.user_id) if place else None,
            destination_is_private=place.is_private if place else None,
            destination_is_allow_listed=question.channel_id in self._external_channels,
            asked_redacted=question.asked_redacted,
            has_raw_key=question.has_raw_key,
            # A file without a redacted variant is for cleared people only, under any audience rule.
            audience_must_be_cleared=self._audience_must_be_cleared or question.raw_only,
            audience=Audience.UNKNOWN,
        )

    async def _classify_audience(
        self, team_id: str, conversation: Conversation, members: Members
    ) -> Audience:
        return await _read_or(
            Audience.UNKNOWN,
            "audience",
            lambda: self._audience.read(team_id, conversation, members),
        )


async def _read_or(
    unknown: T, fact: str, read: Callable[[], Awaitable[T]], *, raise_own_mistakes: bool = False
) -> T:
    """Read a fact; if Slack fails, return ``unknown``, with which the decision fails closed."""
    try:
        return await read()
    except CallAudioError as error:
        is_raised = error.is_own_mistake and raise_own_mistakes
        if is_raised or isinstance(error, TooManyLookups):  # Slack was not asked
            raise
        note_unknown_fact(fact, error)
        return unknown
