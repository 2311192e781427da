"""Reads the facts about people and conversations that the decision needs.

Sources: Slack's pages on users.info, conversations.info and conversations.members.
"""

from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.access.directory import Conversation, MemberPage
from bot.access.policy import Standing
from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.slack.web_api.api import SlackApi, next_cursor
from bot.slack.web_api.identity import Identity

log = get_logger(__name__)

MEMBERS_PER_PAGE: Final = 200
"""As Slack recommends; it documents "under 1,000" (docs: conversations.members)."""
SLACKBOT: Final = "USLACKBOT"


class SlackDirectory:
    """Reads from Slack at each call, without a cache."""

    def __init__(self, api: SlackApi, identity: Identity) -> None:
        self._api = api
        self._identity = identity

    async def conversation(self, channel_id: str) -> Conversation:
        """Read one conversation with its sharing flags and its size."""
        answer = await self._api.call_with_retries(
            "conversations.info", channel=channel_id, include_num_members=True
        )
        channel = _mapping(answer.get("channel"))
        is_im = channel.get("is_im") is True
        count = channel.get("num_members")
        user = channel.get("user")
        return Conversation(
            channel_id=channel_id,
            is_external=_is_external(channel),
            is_im=is_im,
            im_user_id=user if is_im and isinstance(user, str) else None,
            is_private=_is_private(channel),
            is_archived=channel.get("is_archived") is True,
            bot_is_member=is_im or channel.get("is_member") is True,
            member_count=count if isinstance(count, int) and not isinstance(count, bool) else None,
        )

    async def members(self, channel_id: str, cursor: str | None) -> MemberPage:
        """Read one page of members."""
        answer = await self._api.call_with_retries(
            "conversations.members", channel=channel_id, cursor=cursor, limit=MEMBERS_PER_PAGE
        )
        ids = answer.get("members")
        if not isinstance(ids, list):
            raise CallAudioError(what="Slack did not list the members.")
        return MemberPage(tuple(str(each) for each in ids), next_cursor(answer))

    async def standing(self, user_id: str) -> Standing:
        """Read the standing of a person in this workspace."""
        bot = await self._identity.read()
        if user_id in (bot.bot_user_id, SLACKBOT):
            return Standing.BOT
        answer = await self._api.call_with_retries("users.info", user=user_id)
        return await self.read_standing(_mapping(answer.get("user")))

    async def read_standing(self, user: Mapping[str, Any]) -> Standing:
        """Read the standing of a person in this workspace from their user object.

        Raises:
            CallAudioError: Slack does not say who the bot is.
        """
        bot = await self._identity.read()
        return standing_of(user, team_id=bot.team_id, enterprise_id=bot.enterprise_id)

    async def zone_of(self, user_id: str) -> ZoneInfo:
        """Read a person's time zone; UTC if Slack returns none, or an unknown one."""
        try:
            answer = await self._api.call_with_retries("users.info", user=user_id)
        except CallAudioError as error:
            log.info("zone_unknown", code=error.code)
            return zone_named(None)
        return zone_named(_mapping(answer.get("user")).get("tz"))


def standing_of(user: Mapping[str, Any], *, team_id: str, enterprise_id: str | None) -> Standing:
    """Classify a user object; missing flags leave the person unknown.

    No single flag marks external people (docs: users.info, Slack Connect): strangers are external;
    members of the installing team, or on Enterprise Grid of its organisation, are not; others are.
    """
    if user.get("deleted") is not False:
        return Standing.DEACTIVATED if user.get("deleted") else Standing.UNKNOWN
    if user.get("is_stranger"):
        return Standing.EXTERNAL
    in_enterprise = enterprise_id is not None and (
        _mapping(user.get("enterprise_user")).get("enterprise_id") == enterprise_id
    )
    if user.get("team_id") != team_id and not in_enterprise:
        return Standing.EXTERNAL
    bot_flags = [user.get(flag) for flag in ("is_bot", "is_workflow_bot", "is_connector_bot")]
    if True in bot_flags:
        return Standing.BOT
    guest_flags = [user.get("is_restricted"), user.get("is_ultra_restricted")]
    if True in guest_flags:
        return Standing.GUEST
    known = bot_flags[0] is False and guest_flags == [False, False]
    return Standing.MEMBER if known else Standing.UNKNOWN


def zone_named(name: object) -> ZoneInfo:
    """Find a zone by its IANA name; UTC if there is none."""
    try:
        return ZoneInfo(name if isinstance(name, str) else "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def _is_external(channel: Mapping[str, Any]) -> bool | None:
    """Return whether outsiders are, or are about to be, in the conversation; None: unknown."""
    flags = [_flag(channel.get(name)) for name in ("is_ext_shared", "is_pending_ext_shared")]
    pending = channel.get("pending_shared") or channel.get("pending_connected_team_ids")
    if True in flags or pending:
        return True
    return False if flags == [False, False] else None


def _is_private(channel: Mapping[str, Any]) -> bool | None:
    """Return whether only members can open it; None: unknown.

    Slack sends no such flag for a direct message. The first letter of an id proves nothing.
    """
    is_private = _flag(channel.get("is_private"))
    among_people = channel.get("is_im") is True or channel.get("is_mpim") is True
    return True if is_private is None and among_people else is_private


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
