"""Values of the page: its viewer, the place, and the names of people and channels."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.render.markup import Html, hidden
from bot.sandbox.render.reader import Reader
from bot.sandbox.workspace import Workspace

Form = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Names:
    """People and channels with their descriptions, in the order of the page."""

    people: Mapping[str, str]
    channels: dict[str, tuple[str, str]]
    """Id to name and description."""
    hint: str
    """A call to request."""
    agent_id: str
    """Whose call it is."""
    cleared: str
    """The person of the fault trials, who may hear raw."""
    uncleared: str
    admin: str

    def all(self) -> dict[str, str]:
        """Every name by id."""
        return {**self.people, **{key: name for key, (name, _) in self.channels.items()}}


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """The place on the page: the acting person, and what is open."""

    user_id: str
    channel_id: str
    is_home: bool = False
    asks_why: str = ""
    """The ``ts`` of the message whose decision is explained."""

    def link(self, **changes: str) -> str:
        """Return the URL of another place, with some changes."""
        now = {"as": self.user_id, "in": self.channel_id, **changes}
        return "/?" + "&".join(f"{key}={value}" for key, value in now.items() if value)


def fields_of(place: Viewpoint) -> list[Html]:
    """Draw the hidden fields by which a form returns to the place, in a conversation."""
    return [hidden("as", place.user_id), hidden("in", place.channel_id)]


@dataclass(frozen=True, slots=True)
class World:
    """The running stand-ins."""

    workspace: Workspace
    polyai: PolyAISandbox
    names: Names

    def reader(self, user_id: str) -> Reader:
        """Return a viewer of the page."""
        known = self.names.all()
        known |= {
            channel.id: "callaudio (direct messages)"
            for channel in self.workspace.channels.values()
            if channel.is_im and user_id in channel.members
        }
        return Reader.of(self.workspace, user_id, known, acts=True)

    def shows(self, channel_id: str, user_id: str) -> bool:
        """Whether a person can see a conversation."""
        channel = self.workspace.channels[channel_id]
        return not channel.is_private or user_id in channel.members

    def near(self, channel_id: str, user_id: str) -> str:
        """Return this conversation, or the first one that the person can see."""
        if self.shows(channel_id, user_id):
            return channel_id
        return next(each for each in self.names.channels if self.shows(each, user_id))

    def direct_messages(self, user_id: str) -> str | None:
        """Return a person's direct messages with the bot, if they exist."""
        for channel in self.workspace.channels.values():
            if channel.is_im and user_id in channel.members:
                return channel.id
        return None
