"""`doctor`: what is set up, what answers, and what to do about the rest."""

from collections.abc import AsyncIterator, Awaitable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Annotated

import typer

from bot.cli import console
from bot.errors import CallAudioError
from bot.logs import configure_logging
from bot.polyai.agents import Agent
from bot.polyai.client import PolyAIClient
from bot.polyai.lists import CallLists
from bot.polyai.transport import build_http_client
from bot.recordings.agents import build_agents
from bot.settings import Settings
from bot.slack.web_api.api import SlackApi, build_client, build_session
from bot.slack.web_api.directory import SlackDirectory
from bot.slack.web_api.identity import Identity
from bot.slack.web_api.scopes import REQUIRED, WITHOUT
from bot.store.database import Database
from bot.store.schema import is_migrated
from bot.wiring.clock import utc_now


class State(StrEnum):
    """How a thing was found; ``set`` is a choice, neither right nor wrong."""

    OK = "ok"
    WRONG = "wrong"
    SET = "set"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at, and what to do when it is wrong."""

    what: str
    state: State
    says: str
    fix: str = ""


def doctor(
    *, as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False
) -> None:
    """Check settings, database, Slack and PolyAI; ends with 1 when something needs mending."""
    settings = console.settings()
    configure_logging(settings.callaudio_log_format, settings.secret_values)

    async def work() -> list[Finding]:
        return [finding async for finding in examine(settings)]

    findings = console.run_async(work())
    rows = [asdict(each) for each in findings]
    console.print_rows(rows, ("state", "what", "says", "fix"), as_json=as_json)
    if any(each.state is State.WRONG for each in findings):
        raise typer.Exit(console.FAILED)


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Look at everything the bot needs, each on its own: one failure hides no other."""
    async for finding in _store(settings):
        yield finding
    async with build_session() as session:
        token = settings.slack_bot_token.get_secret_value()
        api = SlackApi(build_client(token, settings.slack_api_url, session))
        async for finding in _slack(api):
            yield finding
        directory = SlackDirectory(api, Identity(api, token=token, clock=utc_now))
        yield await _approvals(directory, settings.callaudio_approvals_channel)
    async with build_http_client(max_connections=4) as http:
        polyai, lists = PolyAIClient(http, clock=utc_now), CallLists(http, clock=utc_now)
        has_account = settings.polyai_account_id is not None
        for agent in build_agents(settings).values():
            async for finding in _agent(polyai, agent):
                yield finding
            yield await _list(lists, agent, has_account=has_account)
    mode = "Socket Mode" if settings.slack_app_token else f"HTTP on port {settings.port}"
    yield Finding("requests from Slack", State.SET, mode)
    rule = settings.callaudio_audience.value
    yield Finding("audience rule", State.SET, f"{rule}, at most {settings.callaudio_max_audience}")


async def _store(settings: Settings) -> AsyncIterator[Finding]:
    database = Database(settings.database_url)
    try:
        migrated = await is_migrated(database)
    except Exception as error:  # noqa: BLE001 - drivers raise what they like; its type is told
        yield Finding("database", State.WRONG, type(error).__name__, "Check DATABASE_URL.")
        return
    finally:
        await database.close()
    yield Finding("database", State.OK, "answers")
    if migrated:
        yield Finding("migrations", State.OK, "newest revision")
    else:
        yield Finding("migrations", State.WRONG, "older revision", "Run `callaudio migrate`.")


async def _slack(api: SlackApi) -> AsyncIterator[Finding]:
    try:
        scopes = await api.scopes()
    except CallAudioError as error:
        yield Finding("Slack", State.WRONG, error.what, error.fix)
        return
    yield Finding("Slack", State.OK, "accepts the bot token")
    if missing := ", ".join(sorted(REQUIRED - scopes)):
        fix = "Install the app again from app_manifest.yml."
        yield Finding("scopes", State.WRONG, f"missing: {missing}", fix)
    else:
        yield Finding("scopes", State.OK, "all there")
    for scope, without in WITHOUT.items():
        if scope not in scopes:
            yield Finding(f"optional scope {scope}", State.SET, f"not there: {without}")


async def _approvals(directory: SlackDirectory, channel_id: str | None) -> Finding:
    what = "approvals channel"
    if channel_id is None:
        return Finding(what, State.SET, "none: admins are asked in their direct messages")
    try:
        found = await directory.conversation(channel_id)
    except CallAudioError as error:
        return Finding(what, State.WRONG, error.what, error.fix or "Check its id.")
    other = "Name another channel in CALLAUDIO_APPROVALS_CHANNEL."
    if found.is_archived:
        return Finding(what, State.WRONG, "is archived", other)
    if found.is_external is not False:
        return Finding(what, State.WRONG, "may be seen by another organisation", other)
    if not found.bot_is_member:
        return Finding(what, State.WRONG, "the bot is not in it", "Invite the bot to it.")
    return Finding(what, State.OK, "the bot can ask there")


async def _agent(polyai: PolyAIClient, agent: Agent) -> AsyncIterator[Finding]:
    opens = "opens the agent"
    plain = polyai.try_key(agent, raw=False)
    yield await _try(f"plain key of {agent.name}", plain, opens)
    if agent.pii_api_key is None:
        yield Finding(f"raw key of {agent.name}", State.SET, "none: raw is never delivered")
    else:
        raw = polyai.try_key(agent, raw=True)
        yield await _try(f"raw key of {agent.name}", raw, opens)


async def _list(lists: CallLists, agent: Agent, *, has_account: bool) -> Finding:
    """Tell which list is read; v1 is what the plain key was tried with."""
    what = f"calls of {agent.name}"
    if agent.platform:
        trying = lists.try_platform(agent, agent.platform, utc_now())
        return await _try(what, trying, "digests and Find a call read the v3 list")
    why = (
        "the agent is in another region than POLYAI_REGION"
        if has_account
        else "POLYAI_ACCOUNT_ID and POLYAI_PLATFORM_API_KEY are not set"
    )
    return Finding(what, State.SET, f"digests and Find a call read the older v1 list: {why}")


async def _try(what: str, call: Awaitable[None], says: str) -> Finding:
    try:
        await call
    except CallAudioError as error:
        return Finding(what, State.WRONG, error.what, error.fix)
    return Finding(what, State.OK, says)
