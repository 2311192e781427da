"""Where in Slack a file is, and which of these conversations have to be judged besides its own."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MOST_PLACES: Final = 10
"""Conversations that are judged for one file; who hears it in any others counts as not known."""


@dataclass(frozen=True, slots=True)
class SharedIn:
    """A conversation that a file is in; None: Slack does not tell."""

    channel_id: str
    ts: str | None = None
    shared_by: str | None = None


@dataclass(frozen=True, slots=True)
class FileShares:
    """Everywhere a file is, as Slack tells the bot."""

    places: tuple[SharedIn, ...] = ()
    has_public_link: bool | None = False
    """Whether anybody on the internet can open it; None: Slack does not tell."""
    is_complete: bool = True
    """Whether these are all, as far as the bot may know."""

    def ts_in(self, channel_id: str) -> str | None:
        """Return the ts of its first message in a conversation, or None."""
        return next((each.ts for each in self.places if each.channel_id == channel_id), None)


def elsewhere(
    shares: Iterable[FileShares], reported_channels: Iterable[str], own_channel_id: str | None
) -> FileShares:
    """Gather where the files of one delivery are, besides where they were delivered to.

    ``reported_channels``: where events said that one of them was shared. Slack's own list may
    leave out conversations that the bot is not in.
    """
    known = tuple(shares)
    listed = [SharedIn(channel_id) for channel_id in reported_channels]
    listed += [place for each in known for place in each.places]
    places = {each.channel_id: each for each in listed if each.channel_id != own_channel_id}
    links = [each.has_public_link for each in known]
    return FileShares(
        places=tuple(places.values())[:MOST_PLACES],
        has_public_link=True if True in links else None if None in links else False,
        is_complete=len(places) <= MOST_PLACES and all(each.is_complete for each in known),
    )
