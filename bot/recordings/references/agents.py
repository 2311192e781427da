"""Chooses the configured agent of a reference."""

from collections.abc import Mapping
from typing import Final

from bot.errors import UsageError
from bot.polyai.agents import BUILD_HOSTS, PLATFORM_HOSTS, Agent, Platform
from bot.recordings.references.reference import Reference
from bot.settings.model import Settings
from bot.settings.value_types import AgentSettings

DEFAULT_AGENT: Final = "default"


class AgentNotConfigured(UsageError):
    """The settings do not contain the agent of the reference."""

    code = "agent_not_configured"


def build_agents(settings: Settings) -> Mapping[str, Agent]:
    """Build the default agent and the named ones, by name."""
    platform = _platform(settings)
    default = AgentSettings(
        agent_id=settings.polyai_agent_id,
        region=settings.polyai_region,
        api_key=settings.polyai_api_key,
        pii_api_key=settings.polyai_pii_api_key,
    )
    return {
        name: Agent(
            name=name,
            agent_id=each.agent_id,
            region=each.region,
            base_url=settings.polyai_api_url or BUILD_HOSTS[each.region],
            api_key=each.api_key,
            pii_api_key=each.pii_api_key,
            # The account is in one region; agents of other regions use the v1 list.
            platform=platform if each.region is settings.polyai_region else None,
        )
        for name, each in {DEFAULT_AGENT: default, **settings.polyai_agents}.items()
    }


def _platform(settings: Settings) -> Platform | None:
    account_id, key = settings.polyai_account_id, settings.polyai_platform_api_key
    if account_id is None or key is None:
        return None
    url = settings.polyai_platform_url or PLATFORM_HOSTS[settings.polyai_region]
    return Platform(account_id=account_id, base_url=url, api_key=key)


def choose_agent(agents: Mapping[str, Agent], reference: Reference) -> Agent:
    """Choose an agent by name, or by a link's project and region; else the default agent.

    Only configured agents are chosen: a link never adds a host that would get a key.

    Raises:
        AgentNotConfigured: no configured agent matches.
    """
    known = ", ".join(f"`{name}`" for name in sorted(agents) if name != DEFAULT_AGENT)
    fix = f"Use the default agent or {known}." if known else "Use the default agent."
    if reference.agent_name:
        agent = agents.get(reference.agent_name)
        if agent is None:
            raise AgentNotConfigured(
                what=f"No agent of the name `{reference.agent_name}` is configured.", fix=fix
            )
        return agent
    if reference.project is None:
        return agents[DEFAULT_AGENT]
    for agent in agents.values():
        if agent.agent_id == reference.project and reference.region in (None, agent.region):
            return agent
    raise AgentNotConfigured(
        what="That link is about an agent or a region that is not configured here.",
        likely_cause="The link belongs to another agent than the configured ones.",
        fix="Ask the callaudio operator to add the agent to POLYAI_AGENTS.",
    )
