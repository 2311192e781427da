"""Explains a decision and its facts; nothing is fetched and nothing is posted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bot.access.administration import Actor, Administration
from bot.access.person import People, Person
from bot.access.policy import Audience, Reason
from bot.access.policy_evaluation import Evaluation, PolicyEvaluator, Question
from bot.concurrency.urgency import Urgency, working
from bot.polyai.agents import Agent
from bot.recordings.references.agents import choose_agent
from bot.recordings.references.reference import Reference

NAMED: Final = 3
"""The maximum number of named listeners who are not cleared."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision, the facts behind it, and the grants and denies that concern the person.

    Attributes:
        not_cleared: the first listeners who are not cleared, if the audience decided.
    """

    evaluation: Evaluation
    person: Person
    not_cleared: tuple[str, ...] = ()


class DecisionExplainer:
    """Explains decisions to admins."""

    def __init__(
        self,
        *,
        administration: Administration,
        people: People,
        evaluator: PolicyEvaluator,
        agents: Mapping[str, Agent],
    ) -> None:
        self._administration = administration
        self._people = people
        self._evaluator = evaluator
        self._agents = agents

    async def explain(
        self, actor: Actor, reference: Reference, user_id: str, channel_id: str
    ) -> Explanation:
        """Take the decision that this person would get in this conversation now.

        Raises:
            NotAdmin: the actor is not an admin.
            TooManyLookups: Slack's limits allow no more look-ups now.
            AgentNotConfigured: the settings do not contain the agent of the reference.
        """
        await self._administration.require_admin(actor, "explain")
        agent = choose_agent(self._agents, reference)
        with working(Urgency.LOOKUP):
            evaluation = await self._evaluator.evaluate(
                Question(
                    team_id=actor.team_id,
                    user_id=user_id,
                    channel_id=channel_id,
                    asked_redacted=False,
                    has_raw_key=agent.pii_api_key is not None,
                )
            )
            standing = evaluation.facts.standing
            person = await self._people.read_as(actor.team_id, user_id, standing)
            not_cleared: tuple[str, ...] = ()
            is_for_listeners = evaluation.decision.reason is Reason.AUDIENCE
            if is_for_listeners and evaluation.facts.audience is Audience.NOT_CLEARED:
                not_cleared = await self._evaluator.not_cleared(actor.team_id, channel_id, NAMED)
        return Explanation(evaluation, person, not_cleared)
