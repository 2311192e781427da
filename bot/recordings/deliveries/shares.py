"""Where in Slack a file is shared, and which of these conversations have to be checked."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

MOST_PLACES: Final = 10
"""The maximum of conversations checked for one file; the audience of others counts as unknown."""


@dataclass(frozen=True, slots=True)
class SharedIn:
    """A conversation in which a file is shared; None: unknown."""

    channel_id: str
    ts: str | None = None
    shared_by: str | None = None

    @property
    def shared_at(self) -> datetime | None:
        """When it was shared there; None: Slack does not tell."""
        seconds = (self.ts or "").partition(".")[0]
        known = re.fullmatch(r"\d{9,10}", seconds)
        return datetime.fromtimestamp(int(seconds), UTC) if known else None


@dataclass(frozen=True, slots=True)
class FileShares:
    """All shares of a file that Slack shows the bot."""

    places: tuple[SharedIn, ...] = ()
    has_public_link: bool | None = False
    """Whether anybody on the internet can open it; None: unknown."""
    is_complete: bool = True
    """Whether the list is complete, as far as the bot can see."""

    def ts_in(self, channel_id: str) -> str | None:
        """Return the ts of its first message in a conversation, or None."""
        return next((each.ts for each in self.places if each.channel_id == channel_id), None)


def elsewhere(
    shares: Iterable[FileShares], reported_channels: Iterable[str], own_channel_id: str | None
) -> FileShares:
    """Collect where the files of one delivery are shared, except in their destination.

    ``reported_channels``: conversations in which one of them was shared, according to events and to
    earlier lists; Slack's own list may omit conversations without the bot.
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
