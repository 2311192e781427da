"""Slack: tokens, scopes, the clock, and the channel where requests are decided."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.cli.checks.finding import Finding, Status, checked, unchecked
from bot.cli.checks.rights import FirstAdmins, read_first_admins
from bot.concurrency.gather import both
from bot.errors import CallAudioError
from bot.network.outbound import Outbound
from bot.settings.model import Settings
from bot.slack.web_api.api import SlackApi, build_client, build_session, next_cursor
from bot.slack.web_api.directory import SlackDirectory
from bot.slack.web_api.errors import (
    ScopeMissing,
    SlackAnswerLost,
    SlackError,
    SlackTokenRejected,
    SlackUnclear,
)
from bot.slack.web_api.identity import Identity
from bot.slack.web_api.scopes import REQUIRED, WITHOUT
from bot.slack.wording import counted

REQUESTS: Final = "requests from Slack"
MOST_CONVERSATIONS: Final = 200
OF_THE_TOKEN: Final = ("scopes", "clock", "conversations", "approvals channel")
"""Facts that only an accepted bot token reveals."""
MOST_SKEW_SECONDS: Final = 60
"""Requests are refused at 300; this limit is lower because a clock keeps drifting."""


REINSTALL: Final = (
    "At https://api.slack.com/apps open the app, put app_manifest.yml under App Manifest, save it, "
    "then Install App → Reinstall."
)

OF_SOCKET_MODE: Final = (
    "At https://api.slack.com/apps make a token with connections:write under Basic Information → "
    "App-Level Tokens, and set SLACK_APP_TOKEN to it."
)


@dataclass(frozen=True, slots=True)
class SlackChecked:
    """The findings, the workspace of the token and the first admins; None: Slack did not say."""

    findings: list[Finding]
    team_id: str | None
    first_admins: FirstAdmins | None


async def check_slack(
    settings: Settings,
    outbound: Outbound,
    clock: Callable[[], datetime],
    *,
    tries_messages: bool = False,
) -> SlackChecked:
    """Check tokens, scopes, clock, channels, the connection and, if asked for, messages."""
    async with build_session(outbound=outbound) as session:
        token = settings.slack_bot_token.get_secret_value()
        api = SlackApi(build_client(token, settings.slack_api_url, session))
        identity = Identity(api, token=token, clock=clock)
        found: list[Finding] = []
        team_id: str | None = None
        first_admins: FirstAdmins | None = None

        async def introduce() -> Finding:
            introduction = await api.introduce()
            found.append(_scopes(introduction.scopes))
            found.append(_clock(introduction.answered_at, clock()))
            for scope, without in WITHOUT.items():
                if scope not in introduction.scopes:
                    found.append(
                        Finding(f"optional scope {scope}", Status.SET, f"not there: {without}")
                    )
            nonlocal team_id
            team_id = await identity.team_id()
            return Finding("Slack", Status.OK, f"accepts the bot token, of workspace {team_id}")

        found.insert(0, await checked("Slack", introduce, fixes=_fixes(settings)))
        directory = SlackDirectory(api, identity)
        if team_id:
            conversations, first_admins = await both(
                checked("conversations", lambda: _conversations(api)),
                read_first_admins(directory, settings.callaudio_admins),
            )
            found.append(conversations)
            found.append(await _approvals(directory, settings.callaudio_approvals_channel))
            if tries_messages:
                from bot.cli.checks.samples import check_messages  # noqa: PLC0415 - loads every surface

                found.append(await check_messages(api))
        else:
            found[1:] = [unchecked(each, "Slack") for each in OF_THE_TOKEN]
        if settings.slack_app_token:
            app_token = settings.slack_app_token.get_secret_value()
            app = SlackApi(build_client(app_token, settings.slack_api_url, session))
            found.append(await checked(REQUESTS, lambda: _socket_mode(app)))
        else:
            found.append(Finding(REQUESTS, Status.SET, f"HTTP on port {settings.port}"))
    return SlackChecked(found, team_id, first_admins)


def _fixes(settings: Settings) -> dict[type[CallAudioError], str]:
    install = (
        "At https://api.slack.com/apps install the app again (Install App), and set "
        "SLACK_BOT_TOKEN to the token shown there, xoxb-…"
    )
    fixes: dict[type[CallAudioError], str] = {SlackTokenRejected: install}
    if settings.slack_api_url is not None:
        elsewhere = "Remove SLACK_API_URL, or correct it: no Slack answers there."
        fixes |= dict.fromkeys((SlackError, SlackUnclear, SlackAnswerLost), elsewhere)
    return fixes


def _scopes(scopes: frozenset[str]) -> Finding:
    if missing := ", ".join(sorted(REQUIRED - scopes)):
        return Finding("scopes", Status.WRONG, f"missing: {missing}", REINSTALL)
    if more := ", ".join(sorted(scopes - REQUIRED - WITHOUT.keys() - {""})):
        return Finding("scopes", Status.SET, f"all there, and more than needed: {more}", REINSTALL)
    return Finding("scopes", Status.OK, "all there")


def _clock(answered_at: datetime | None, now: datetime) -> Finding:
    if answered_at is None:
        says = "Slack did not send the time"
        return Finding("clock", Status.SET, says, is_always_shown=True)
    skew_seconds = round((now - answered_at).total_seconds())
    if abs(skew_seconds) <= MOST_SKEW_SECONDS:
        return Finding("clock", Status.OK, "as Slack's")
    apart = "ahead of" if skew_seconds > 0 else "behind"
    return Finding(
        "clock",
        Status.WRONG,
        f"{abs(skew_seconds)} s {apart} Slack's; at 300 s every request is refused",
        "Let the machine keep its time by NTP: `timedatectl set-ntp true`.",
    )


async def _conversations(api: SlackApi) -> Finding:
    """Check whether the bot is in any channel (docs: `users.conversations`)."""
    answer = await api.call_with_retries(
        "users.conversations",
        types="public_channel,private_channel",
        exclude_archived=True,
        limit=MOST_CONVERSATIONS,
    )
    number = len(answer.get("channels") or ())
    if number:
        more = "at least " if next_cursor(answer) else ""
        says = f"the bot is in {more}{counted(number, 'channel')}"
        return Finding("conversations", Status.OK, says)
    fix = "Type `/invite @callaudio` in the private channel that recordings should go to."
    return Finding("conversations", Status.SET, "the bot is in no channel yet", fix)


async def _socket_mode(app: SlackApi) -> Finding:
    try:
        await app.call_once("apps.connections.open")  # the ticket is not used
    except SlackTokenRejected:
        says = "Slack does not accept SLACK_APP_TOKEN"
    except ScopeMissing:
        says = "SLACK_APP_TOKEN lacks the scope connections:write"
    else:
        return Finding(REQUESTS, Status.OK, "Socket Mode; Slack accepts the app token")
    return Finding(REQUESTS, Status.WRONG, says, OF_SOCKET_MODE)


async def _approvals(directory: SlackDirectory, channel_id: str | None) -> Finding:
    what = "approvals channel"
    if channel_id is None:
        return Finding(what, Status.SET, "none: admins are asked in their direct messages")

    async def check() -> Finding:
        found = await directory.conversation(channel_id)
        other = "Name another channel in CALLAUDIO_APPROVALS_CHANNEL."
        if found.is_archived:
            return Finding(what, Status.WRONG, "is archived", other)
        if found.is_external is not False:
            return Finding(what, Status.WRONG, "may be seen by another organisation", other)
        if not found.bot_is_member:
            fix = f"Type `/invite @callaudio` in the channel {channel_id}."
            return Finding(what, Status.WRONG, "the bot is not in it", fix)
        return Finding(what, Status.OK, "the bot can ask there")

    return await checked(what, check)
