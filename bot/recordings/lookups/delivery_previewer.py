"""Previews the decision for a person in a conversation; only facts of the call are fetched."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from bot.access.administration import Actor
from bot.access.directory import Conversation, Directory
from bot.access.policy import Decision, Outcome
from bot.access.policy_evaluation import PolicyEvaluator, Question
from bot.audit.events import AuditTag
from bot.concurrency.urgency import Urgency, working
from bot.errors import TooManyLookups, new_reference
from bot.observability.logs import get_logger
from bot.polyai.agents import Agent
from bot.polyai.calls import CallReader
from bot.polyai.payloads import CallFacts
from bot.recordings.deliveries.destination import find_conversation
from bot.recordings.lookups.lookup_limit import LookupLimit
from bot.recordings.references.agents import DEFAULT_AGENT, AgentNotConfigured, choose_agent
from bot.recordings.references.reference import Reference
from bot.recordings.requests.authorization import WorkspaceMembership

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """A conversation of a configured agent."""

    agent_name: str
    conversation_id: str

    @property
    def reference(self) -> Reference:
        """The reference of the conversation."""
        return Reference(self.conversation_id, agent_name=self.agent_name)


@dataclass(frozen=True, slots=True)
class SortedReferences:
    """The conversations found in a message: those that can be fetched, and those that cannot."""

    choices: tuple[Choice, ...]
    not_configured: tuple[str, ...]
    """Conversation ids of agents or regions that are not configured."""


@dataclass(frozen=True, slots=True)
class DeliveryPreview:
    """The decision that a person would get now."""

    decision: Decision
    call: CallFacts | None
    goes_to_dm: bool
    """Whether it would go to the person's direct messages with the bot instead."""
    reference: str | None = None
    """If refused: the reference that the person, the log and the audit share."""
    is_public: bool = False
    """Whether everybody in the workspace can open the destination."""


class DeliveryPreviewer:
    """Takes the decision that a person would get in their current conversation."""

    def __init__(
        self,
        *,
        membership: WorkspaceMembership,
        evaluator: PolicyEvaluator,
        directory: Directory,
        open_dm: Callable[[str], Awaitable[str]],
        calls: CallReader,
        agents: Mapping[str, Agent],
        lookup_limit: LookupLimit,
    ) -> None:
        self._membership = membership
        self._evaluator = evaluator
        self._directory = directory
        self._open_dm = open_dm
        self._calls = calls
        self._agents = agents
        self._lookup_limit = lookup_limit

    def sort(self, references: Iterable[Reference]) -> SortedReferences:
        """Separate fetchable conversations from others; a link never adds an agent or a region."""
        choices: dict[Choice, None] = {}
        not_configured: dict[str, None] = {}
        for each in references:
            try:
                agent = choose_agent(self._agents, each)
            except AgentNotConfigured:
                not_configured.setdefault(each.conversation_id)
            else:
                choices.setdefault(Choice(agent.name, each.conversation_id))
        return SortedReferences(tuple(choices), tuple(not_configured))

    async def preview(
        self, actor: Actor, choice: Choice | None, channel_id: str, *, asked_redacted: bool
    ) -> DeliveryPreview:
        """Decide as for a request now; a refusal is audited, and then no call is read.

        Without a choice the decision is for the default agent.

        Raises:
            AgentNotConfigured: the agent is no longer configured.
            ConversationUnseen: the bot has to be invited first.
            ConversationArchived: nobody can post there.
            TooManyLookups: nothing was looked up; that is audited.
        """
        try:
            self._lookup_limit.count(actor.user_id)
            with working(Urgency.LOOKUP):
                return await self._decide(actor, choice, channel_id, asked_redacted=asked_redacted)
        except TooManyLookups as error:
            payload = {"code": error.code, "channel_id": channel_id}
            tag = AuditTag.REQUEST_REFUSED
            await self._membership.note(tag, actor, payload)
            raise

    async def _decide(
        self, actor: Actor, choice: Choice | None, channel_id: str, *, asked_redacted: bool
    ) -> DeliveryPreview:
        agent = self._agents[DEFAULT_AGENT]
        if choice:
            agent = choose_agent(self._agents, choice.reference)
        conversation = await find_conversation(self._directory, channel_id)
        goes_to_dm = conversation is None
        place = await self._open_dm(actor.user_id) if goes_to_dm else channel_id
        question = Question(
            team_id=actor.team_id,
            user_id=actor.user_id,
            channel_id=place,
            asked_redacted=asked_redacted,
            has_raw_key=agent.pii_api_key is not None,
        )
        evaluation = await self._evaluator.evaluate(
            question, _known(conversation) if conversation else None
        )
        decision = evaluation.decision
        if decision.outcome is Outcome.REFUSED:
            reference = await self._note_refusal(actor, place, choice, decision)
            return DeliveryPreview(decision, None, goes_to_dm, reference)
        call = await self._calls.read(agent, choice.conversation_id) if choice else None
        is_public = evaluation.facts.destination_is_private is False
        return DeliveryPreview(decision, call, goes_to_dm, is_public=is_public)

    async def _note_refusal(
        self, actor: Actor, channel_id: str, choice: Choice | None, decision: Decision
    ) -> str:
        reference = new_reference()
        payload = {
            "reference": reference,
            "conversation_id": choice.conversation_id if choice else None,
            "channel_id": channel_id,
            "reason": decision.reason.value,
        }
        await self._membership.note(AuditTag.PREVIEW_REFUSED, actor, payload)
        log.info("preview_refused", reference=reference, reason=decision.reason.value)
        return reference


async def _known(conversation: Conversation) -> Conversation:
    return conversation
