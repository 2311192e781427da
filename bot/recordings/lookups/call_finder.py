"""The use case *Find a call*: authorizes the person and lists calls."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from bot.access.administration import Actor
from bot.access.clearance import Clearances
from bot.audit.events import AuditTag
from bot.errors import CallAudioError, TooManyLookups
from bot.polyai.agents import Agent
from bot.polyai.browsing import CallBrowser, CallFilter, Screen
from bot.recordings.lookups.lookup_limit import LookupLimit
from bot.recordings.references.agents import choose_agent
from bot.recordings.references.reference import Reference
from bot.recordings.requests.authorization import WorkspaceMembership

CALLS_PER_SCREEN: Final = 10


class FinderRefused(CallAudioError):
    """The person may not request recordings, so calls are not listed."""

    code = "finder_refused"
    what = "You cannot list calls here."
    likely_cause = (
        "Calls are listed for members of this workspace, and for guests who were given access."
    )
    fix = "Ask a member of this workspace to find the call."


class CallFinder:
    """Lists calls for people who pass the first rule of the decision."""

    def __init__(
        self,
        *,
        membership: WorkspaceMembership,
        clearances: Clearances,
        browser: CallBrowser,
        agents: Mapping[str, Agent],
        clock: Callable[[], datetime],
        lookup_limit: LookupLimit,
    ) -> None:
        self._membership = membership
        self._clearances = clearances
        self._browser = browser
        self._agents = agents
        self.clock = clock
        self._lookup_limit = lookup_limit

    @property
    def agent_names(self) -> tuple[str, ...]:
        """Every agent whose calls can be listed, the default one first."""
        return tuple(self._agents)

    async def screen(self, actor: Actor, agent_name: str, wanted: CallFilter, place: str) -> Screen:
        """List some calls of an agent.

        Raises:
            FinderRefused: the actor may not request recordings; audited.
            TooManyLookups: nothing was looked up; audited.
            CallAudioError: Slack did not return the actor's standing.
            AgentNotConfigured: there is no such agent.
            PolyAIError: PolyAI did not list them.
        """
        await self._admit(actor)
        agent = choose_agent(self._agents, Reference("", agent_name=agent_name))
        return await self._browser.screen(agent, wanted, size=CALLS_PER_SCREEN, place=place)

    async def _admit(self, actor: Actor) -> None:
        try:
            self._lookup_limit.count(actor.user_id)
        except TooManyLookups as error:
            payload = {"code": error.code}
            tag = AuditTag.REQUEST_REFUSED
            await self._membership.note(tag, actor, payload)
            raise
        person = await self._clearances.of_requester(actor.team_id, actor.user_id)
        if person.may_use:
            return
        payload = {"standing": person.standing.value}
        await self._membership.note(AuditTag.FINDER_REFUSED, actor, payload)
        raise FinderRefused
