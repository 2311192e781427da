"""PolyAI: whether each agent's keys work, which list is read, and whether the keys differ."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import httpx

from bot.cli.checks.finding import Finding, Status, checked, unchecked
from bot.concurrency.gather import both
from bot.polyai import errors
from bot.polyai.agents import Agent
from bot.polyai.browsing import CallBrowser, CallFilter
from bot.polyai.client import PolyAIClient
from bot.polyai.http import HttpGet
from bot.polyai.key_check import KeyVerdict, compare_keys
from bot.polyai.lists import CallLists
from bot.recordings.references.agents import DEFAULT_AGENT

COMPARED_CALLS: Final = 3
COMPARED_SECONDS: Final = 90.0
LOOKBACK: Final = timedelta(days=30)
CALLS_CONSIDERED: Final = 20
NOT_SHOWN: Final = "this call does not show which keys return raw"

_SAYS: Final[Mapping[KeyVerdict, tuple[Status, str, str]]] = {
    KeyVerdict.APART: (
        Status.OK,
        "the plain key always returns the redacted recording, the raw key returns the raw one",
        "",
    ),
    KeyVerdict.PLAIN_KEY_FETCHES_RAW: (
        Status.WRONG,
        "the plain key returns raw recordings: it is a key with PII access",
        "Create a key without PII access in Agent Studio, and use it as the plain key.",
    ),
    KeyVerdict.SWAPPED: (
        Status.WRONG,
        "the keys are swapped: the plain key returns raw recordings, the raw key redacted ones",
        "Swap the plain key (POLYAI_API_KEY) and the raw key (POLYAI_PII_API_KEY).",
    ),
    KeyVerdict.INCONCLUSIVE: (Status.SET, NOT_SHOWN, ""),
}


class AgentChecks:
    """Checks agents, with one try for each call: the first answer is the finding."""

    def __init__(self, http: httpx.AsyncClient, clock: Callable[[], datetime]) -> None:
        get = HttpGet(http, clock=clock, attempts=1)
        self._polyai = PolyAIClient(get)
        self._lists = CallLists(get)
        self._browser = CallBrowser(get)
        self._clock = clock

    async def check(
        self, agent: Agent, *, has_account: bool, conversation_id: str | None
    ) -> tuple[list[Finding], Finding]:
        """Check whether the keys of an agent open it, and whether its recordings tell them apart.

        ``conversation_id`` names the call by which the keys are compared.
        """
        (plain, raw), listed = await both(
            both(self._opens(agent, raw=False), self._opens(agent, raw=True)),
            self._list(agent, has_account=has_account),
        )
        if Status.WRONG in (plain.state, raw.state):
            first = plain if plain.state is Status.WRONG else raw
            compared = unchecked(f"redaction for {agent.name}", first.what)
        else:
            compared = await self._compare(agent, conversation_id)
        return [plain, raw, listed], compared

    async def _opens(self, agent: Agent, *, raw: bool) -> Finding:
        what = f"{'raw' if raw else 'plain'} key of {agent.name}"
        if raw and agent.pii_api_key is None:
            return Finding(what, Status.SET, "none: raw is never delivered")

        async def check() -> Finding:
            await self._polyai.try_key(agent, raw=raw)
            return Finding(what, Status.OK, "opens the agent")

        return await checked(what, check)

    async def _list(self, agent: Agent, *, has_account: bool) -> Finding:
        """Report which list is read; the plain key was already tried with v1."""
        what, platform = f"calls of {agent.name}", agent.platform
        if platform is None:
            why = (
                "the agent is in another region than POLYAI_REGION"
                if has_account
                else "POLYAI_ACCOUNT_ID and POLYAI_PLATFORM_API_KEY are not set"
            )
            says = f"digests and Find a call read the older v1 list: {why}"
            return Finding(what, Status.SET, says)

        async def check() -> Finding:
            await self._lists.try_platform(agent, platform, self._clock())
            return Finding(what, Status.OK, "digests and Find a call read the v3 list")

        return await checked(what, check)

    async def _compare(self, agent: Agent, conversation_id: str | None) -> Finding:
        what = f"redaction for {agent.name}"

        async def check() -> Finding:
            verdict = None
            if conversation_id:
                verdict = await compare_keys(self._polyai, agent, conversation_id)
            else:
                for each in await self._recent_calls(agent):
                    verdict = await self._verdict(agent, each) or verdict
                    if verdict not in (None, KeyVerdict.INCONCLUSIVE):
                        break
            if verdict is None:
                says = "not known which keys return raw: no recent call has a recording"
                return Finding(what, Status.SET, says, _name_a_call(agent))
            # With a plain key alone, equal recordings are as good as it gets.
            state, says, fix = _SAYS[verdict]
            is_unknown = verdict is KeyVerdict.INCONCLUSIVE
            if is_unknown and agent.pii_api_key:
                fix = _name_a_call(agent)
            is_shown = is_unknown or conversation_id is not None
            return Finding(what, state, says, fix, is_always_shown=is_shown)

        return await checked(what, check, seconds=COMPARED_SECONDS)

    async def _verdict(self, agent: Agent, conversation_id: str) -> KeyVerdict | None:
        """Compare the keys by one call of the list; None: that call has no recording."""
        try:
            return await compare_keys(self._polyai, agent, conversation_id)
        except (errors.RecordingMissing, errors.RecordingNotReady, errors.RecordingDeleted):
            return None

    async def _recent_calls(self, agent: Agent) -> list[str]:
        """List a few calls, the shortest first, as their recordings are fetched several times.

        None if the list cannot be read; another check reports that.
        """
        now = self._clock()
        wanted = CallFilter(now - LOOKBACK, now)
        try:
            screen = await self._browser.screen(agent, wanted, size=CALLS_CONSIDERED)
        except errors.PolyAIError:
            return []
        calls = sorted(screen.calls, key=lambda call: call.length_seconds or 0)
        spoken = [call for call in calls if not call.in_progress and call.length_seconds != 0]
        return [call.conversation_id for call in spoken[:COMPARED_CALLS]]


def _name_a_call(agent: Agent) -> str:
    prefix = "" if agent.name == DEFAULT_AGENT else f"{agent.name}:"
    return (
        "Once there is a call in which something is muted, run "
        f"`callaudio doctor --conversation {prefix}CA…`."
    )
