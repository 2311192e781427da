"""What the page shows, as values: who looks, at what, and what they may know of names."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.render.reader import Reader
from bot.sandbox.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Names:
    """People, and channels with what they are, in the order in which they are offered."""

    people: Mapping[str, str]
    channels: dict[str, tuple[str, str]]
    """Id to name and description."""
    hint: str
    """A call to ask for."""
    agent_id: str
    """Whose call it is."""
    cleared: str
    """Who throws faults at the bot: somebody who may hear raw."""
    uncleared: str
    admin: str

    def all(self) -> dict[str, str]:
        """Every name by id."""
        return {**self.people, **{key: name for key, (name, _) in self.channels.items()}}


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """Where on the page somebody is: who they act as, and what is open."""

    user_id: str
    channel_id: str
    is_home: bool = False
    asks_why: str = ""
    """The ``ts`` of the message whose making is explained."""

    def link(self, **changes: str) -> str:
        """The address of another place, near this one."""
        now = {"as": self.user_id, "in": self.channel_id, **changes}
        return "/?" + "&".join(f"{key}={value}" for key, value in now.items() if value)


@dataclass(frozen=True, slots=True)
class World:
    """The stand-ins, running."""

    workspace: Workspace
    polyai: PolyAISandbox
    names: Names

    def reader(self, user_id: str) -> Reader:
        """Somebody in front of the page."""
        known = self.names.all()
        known |= {
            channel.id: "callaudio (direct messages)"
            for channel in self.workspace.channels.values()
            if channel.is_im and user_id in channel.members
        }
        return Reader.of(self.workspace, user_id, known, acts=True)

    def shows(self, channel_id: str, user_id: str) -> bool:
        """Whether somebody sees what is in a conversation."""
        channel = self.workspace.channels[channel_id]
        return not channel.is_private or user_id in channel.members

    def near(self, channel_id: str, user_id: str) -> str:
        """This conversation, or the first that somebody sees."""
        if self.shows(channel_id, user_id):
            return channel_id
        return next(each for each in self.names.channels if self.shows(each, user_id))

    def direct_messages(self, user_id: str) -> str | None:
        """Somebody's conversation with the bot, once there is one."""
        for channel in self.workspace.channels.values():
            if channel.is_im and user_id in channel.members:
                return channel.id
        return None
