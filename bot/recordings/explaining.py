"""What would be decided, and on which facts, with nothing fetched and nothing posted."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.access.administration import Actor, Administration
from bot.access.deciding import Decider, Question, Ruling
from bot.access.person import People, Person
from bot.polyai.agents import Agent
from bot.recordings.agents import choose_agent
from bot.recordings.reference import Reference


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision, the facts behind it, and the grants and denies that concern the person."""

    ruling: Ruling
    person: Person


class Explaining:
    """Explains decisions to admins."""

    def __init__(
        self,
        *,
        administration: Administration,
        people: People,
        decider: Decider,
        agents: Mapping[str, Agent],
    ) -> None:
        self._administration = administration
        self._people = people
        self._decider = decider
        self._agents = agents

    async def explain(
        self, actor: Actor, reference: Reference, user_id: str, channel_id: str
    ) -> Explanation:
        """Take the decision that this person would get in that place now.

        Raises:
            NotAdmin: the actor is none.
            AgentNotConfigured: the reference is about an agent the bot does not know.
        """
        await self._administration.require_admin(actor, "explain")
        agent = choose_agent(self._agents, reference)
        ruling = await self._decider.rule(
            Question(
                team_id=actor.team_id,
                user_id=user_id,
                channel_id=channel_id,
                asked_redacted=False,
                has_raw_key=agent.pii_api_key is not None,
            )
        )
        standing = ruling.facts.standing
        return Explanation(ruling, await self._people.read_as(actor.team_id, user_id, standing))
