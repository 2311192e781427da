"""What admins request about redaction: a check, which a worker runs, or the end of a freeze."""

from collections.abc import Mapping

from bot.access.administration import Actor, Administration
from bot.polyai.agents import Agent
from bot.polyai.identifiers import check_conversation_id
from bot.polyai.payloads import Direction
from bot.recordings.redaction.canary_store import CanaryStore
from bot.recordings.redaction.check_store import Check, CheckCause, CheckStore
from bot.recordings.redaction.checking import NoRawKey
from bot.recordings.references.agents import choose_agent
from bot.recordings.references.reference import Reference


class RedactionRequests:
    """The use cases of admins: request a check of a recording, and lift a freeze."""

    def __init__(
        self,
        *,
        administration: Administration,
        checks: CheckStore,
        canary: CanaryStore,
        agents: Mapping[str, Agent],
    ) -> None:
        self._administration = administration
        self._checks = checks
        self._canary = canary
        self._agents = agents

    async def check(self, actor: Actor, reference: Reference, direction: Direction) -> None:
        """Request a check of a recording, in both directions or of one side.

        Raises:
            NotAdmin: the actor is not an admin.
            AgentNotConfigured: the settings do not contain the agent of the reference.
            NoRawKey: the agent has no raw key.
            AlreadyDone: this trigger requested it before.
        """
        await self._administration.require_admin(actor, "check")
        agent = choose_agent(self._agents, reference)
        if agent.pii_api_key is None:
            raise NoRawKey
        check = Check(
            actor.team_id,
            CheckCause.ASKED,
            agent.name,
            check_conversation_id(reference.conversation_id),
            asked_by=actor.user_id,
            direction=direction,
        )
        await self._checks.ask(check, trigger_id=actor.trigger_id)

    async def thaw(self, actor: Actor, reason: str) -> None:
        """Lift every freeze of the workspace.

        Raises:
            NotAdmin: the actor is not an admin.
            NothingFrozen: nothing is frozen.
            AlreadyDone: the freeze was lifted for the same trigger before.
        """
        await self._administration.require_admin(actor, "thaw")
        await self._canary.thaw(
            actor.user_id, reason, team_id=actor.team_id, trigger_id=actor.trigger_id
        )
