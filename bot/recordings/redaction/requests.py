"""Stores the redaction checks that admins request; workers run them."""

from collections.abc import Mapping

from bot.access.administration import Actor, Administration
from bot.polyai.agents import Agent
from bot.polyai.identifiers import check_conversation_id
from bot.recordings.redaction.check_store import CheckCause, CheckStore, new_check
from bot.recordings.redaction.checking import NoRawKey
from bot.recordings.references.agents import choose_agent
from bot.recordings.references.reference import Reference


class RedactionRequests:
    """The use case of an admin: request a redaction check."""

    def __init__(
        self, *, administration: Administration, store: CheckStore, agents: Mapping[str, Agent]
    ) -> None:
        self._administration = administration
        self._store = store
        self._agents = agents

    async def ask(self, actor: Actor, reference: Reference) -> None:
        """Request a check of a recording.

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
        check = new_check(
            actor.team_id,
            CheckCause.ASKED,
            agent.name,
            check_conversation_id(reference.conversation_id),
            asked_by=actor.user_id,
        )
        await self._store.ask(check, trigger_id=actor.trigger_id)
