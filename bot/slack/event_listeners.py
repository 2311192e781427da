"""Listeners for Slack's events: changes that affect decisions, past ones included."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.async_context import AsyncBoltContext

from bot.access.group_changes import GroupChanges
from bot.access.policy import Standing
from bot.access.standings import Standings
from bot.digests.digest_store import DigestStore
from bot.home.home_store import HomeStore
from bot.recordings.take_back.early_file_checks import EarlyFileChecks
from bot.slack.identifiers import Event
from bot.slack.payloads import Malformed, required_id
from bot.uninstallation import Uninstallation


class EventListeners:
    """Stores what an event reports; a worker then checks the raw recordings it concerns."""

    def __init__(
        self,
        *,
        changes: GroupChanges,
        standings: Standings,
        read_standing: Callable[[Mapping[str, Any]], Awaitable[Standing]],
        early_checks: EarlyFileChecks,
        home_store: HomeStore,
        digests: DigestStore,
        uninstallation: Uninstallation,
        clock: Callable[[], datetime],
    ) -> None:
        self._changes = changes
        self._standings = standings
        self._read_standing = read_standing
        self._early_checks = early_checks
        self._home_store = home_store
        self._digests = digests
        self._uninstallation = uninstallation
        self._clock = clock

    def register(self, app: AsyncApp) -> None:
        """Register the events with Bolt."""
        app.event(Event.APP_UNINSTALLED.value)(self.app_uninstalled)
        app.event(Event.TOKENS_REVOKED.value)(self.tokens_revoked)
        app.event(Event.HOME_OPENED.value)(self.home_opened)
        app.event(Event.GROUP_CHANGED.value)(self.group_changed)
        app.event(Event.USER_CHANGED.value)(self.user_changed)
        app.event(Event.CHANNEL_ID_CHANGED.value)(self.channel_id_changed)
        for name in (Event.MEMBER_JOINED, Event.CHANNEL_SHARED):
            app.event(name.value)(self.conversation_changed)
        for name in (Event.FILE_SHARED, Event.FILE_PUBLISHED, Event.FILE_CHANGED):
            app.event(name.value)(self.file_changed)

    async def home_opened(self, context: AsyncBoltContext, event: Mapping[str, Any]) -> None:
        """`app_home_opened`: a worker publishes the Home, so that the ack need not wait.

        Slack also sends it for the other tabs of the app.
        """
        if event.get("tab") == "home":
            await self._home_store.opened(str(context.team_id), required_id(event, "user"))

    async def app_uninstalled(self, context: AsyncBoltContext) -> None:
        """`app_uninstalled`: the workspace removed the app."""
        await self._uninstallation.end(str(context.team_id))

    async def tokens_revoked(self, context: AsyncBoltContext, event: Mapping[str, Any]) -> None:
        """`tokens_revoked`: of people, which concern nothing here, or of the bot."""
        tokens = event.get("tokens")
        if isinstance(tokens, Mapping) and tokens.get("bot"):
            await self._uninstallation.end(str(context.team_id))

    async def group_changed(self, context: AsyncBoltContext, event: Mapping[str, Any]) -> None:
        """`subteam_members_changed`: the stored members of the group are out of date."""
        team_id = str(context.team_id)
        await self._changes.note(team_id, required_id(event, "subteam_id"), self._clock())

    async def user_changed(self, context: AsyncBoltContext, event: Mapping[str, Any]) -> None:
        """`user_change`: a person may be a guest now, or deactivated.

        Slack also sends it for every new photo and status, with the whole user object as in
        `users.info` (docs: user_change). Only a change of standing matters.
        """
        team_id, user = str(context.team_id), event.get("user")
        if not isinstance(user, Mapping):
            raise Malformed
        standing = await self._read_standing(user)
        await self._standings.changed(team_id, required_id(user, "id"), standing)

    async def conversation_changed(
        self, context: AsyncBoltContext, event: Mapping[str, Any]
    ) -> None:
        """`member_joined_channel`, `channel_shared`: others may hear what is there."""
        await self._early_checks.check_now(str(context.team_id), required_id(event, "channel"))

    async def channel_id_changed(self, context: AsyncBoltContext, event: Mapping[str, Any]) -> None:
        """`channel_id_changed`: the same conversation has a new id, for example when shared."""
        team_id = str(context.team_id)
        old, new = required_id(event, "old_channel_id"), required_id(event, "new_channel_id")
        await self._early_checks.follow(team_id, old, new)
        await self._digests.follow(team_id, old, new)

    async def file_changed(self, context: AsyncBoltContext, event: Mapping[str, Any]) -> None:
        """`file_shared`, `file_public`, `file_change`: a file may be visible elsewhere.

        Slack sends them for every file the bot can see, its own uploads included. Only
        `file_shared` says where the file is.
        """
        channel_id = required_id(event, "channel_id") if event.get("channel_id") else None
        await self._early_checks.check_file(
            str(context.team_id), required_id(event, "file_id"), channel_id
        )
