"""The people, conversations and user groups of a workspace."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bot.sandbox.objects import Channel, Message, User

CHANNEL_ID = re.compile(r"^[CGDZ][A-Z0-9]{8,}$")
USER_ID = re.compile(r"^[UW][A-Z0-9]{2,}$")


class Roster:
    """The people, conversations and user groups; the bot is one of the people."""

    def __init__(self, team_id: str, bot_user_id: str) -> None:
        self.team_id, self.bot_user_id = team_id, bot_user_id
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.usergroups: dict[str, tuple[str, ...]] = {}
        self.timeline: dict[str, dict[str, Message]] = {}
        """The messages of each conversation by ``ts``, oldest first."""
        self.add_user(bot_user_id, is_bot=True)

    def add_user(
        self,
        user_id: str,
        *,
        team_id: str | None = None,
        omit: Iterable[str] = (),
        **about: Any,  # noqa: ANN401 - the dataclass checks the names
    ) -> User:
        """Add or replace a person, of this team by default; ``about`` are fields of ``User``."""
        if not USER_ID.match(user_id):
            raise ValueError(f"{user_id!r} is no Slack user id")
        user = User(user_id, team_id or self.team_id, omit=frozenset(omit), **about)
        self.users[user_id] = user
        return user

    def change_user(self, user_id: str, **changes: Any) -> User:  # noqa: ANN401 - dataclasses.replace checks the names
        """Change fields of ``User``, e.g. ``deleted=True``."""
        self.users[user_id] = replace(self.users[user_id], **changes)
        return self.users[user_id]

    def add_channel(
        self,
        channel_id: str,
        *,
        members: Iterable[str] = (),
        omit: Iterable[str] = (),
        **about: Any,  # noqa: ANN401 - the dataclass checks the names
    ) -> Channel:
        """Add a conversation, or replace it but keep its messages; see ``Channel``."""
        if not CHANNEL_ID.match(channel_id):
            raise ValueError(f"{channel_id!r} is no Slack channel id")
        people = tuple(dict.fromkeys(members))
        if about.get("is_im") and not people:
            raise ValueError("a direct message is with somebody")
        # Direct messages of any kind are private.
        about["is_private"] = any(about.get(each) for each in ("is_private", "is_im", "is_mpim"))
        channel = Channel(channel_id, people, omit=frozenset(omit), **about)
        self.channels[channel_id] = channel
        self.timeline.setdefault(channel_id, {})
        return channel

    def change_channel(self, channel_id: str, **changes: Any) -> Channel:  # noqa: ANN401 - as above
        """Change fields of ``Channel``, e.g. ``is_ext_shared=True``."""
        self.channels[channel_id] = replace(self.channels[channel_id], **changes)
        return self.channels[channel_id]

    def join(self, channel_id: str, user_id: str) -> None:
        """Add the person to the conversation."""
        members = (*self.channels[channel_id].members, user_id)
        self.change_channel(channel_id, members=tuple(dict.fromkeys(members)))

    def leave(self, channel_id: str, user_id: str) -> None:
        """Remove the person from the conversation."""
        members = self.channels[channel_id].members
        self.change_channel(channel_id, members=tuple(m for m in members if m != user_id))

    def everyone_in(self, channel: Channel) -> tuple[str, ...]:
        """Return all members, the app's bot last."""
        return (*channel.members, *([self.bot_user_id] if channel.bot_is_member else []))
