"""The search of the modal, stored in the modal's metadata: names, ids and times."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

from bot.polyai.browsing import CallFilter

MAX_METADATA_CHARACTERS: Final = 3000
"""Slack's limit (docs: views, ``private_metadata``)."""

LOOKBACK: Final = timedelta(days=30)
"""The period of the list if no day is chosen."""


FIRST_DAY: Final = date(2000, 1, 1)
LAST_DAY: Final = date(2100, 1, 1)
"""Slack's date picker offers the year 9999, in which calculations with times overflow."""


@dataclass(frozen=True, slots=True)
class Search:
    """One search and its current place.

    Attributes:
        day: in the person's zone; None: the last 30 days.
        until: the time of the search: a cursor requires the same period again.
        places: where each screen up to the current one begins; the first may be missing.
        older: where the next screen begins; None if there is none.
        zone: the IANA name of the person's zone; None until it was looked up.
    """

    agent_name: str
    until: datetime
    day: date | None = None
    handoff: bool | None = None
    places: tuple[str, ...] = ("",)
    older: str | None = None
    zone: str | None = None

    @classmethod
    def begin(cls, agent_name: str, now: datetime) -> Self:
        """Search the newest calls of an agent; times are whole seconds, as in the metadata."""
        return cls(agent_name, now.replace(microsecond=0))

    def again(self, now: datetime, **changes: Any) -> Self:  # noqa: ANN401 - dataclasses.replace checks the names
        """Start another search, from the newest calls on."""
        until = now.replace(microsecond=0)
        return replace(self, **changes, until=until, places=("",), older=None)

    def wanted(self, zone: ZoneInfo) -> CallFilter:
        """Return the filter for the calls."""
        if self.day is None:
            return CallFilter(self.until - LOOKBACK, self.until, self.handoff)
        day = min(max(self.day, FIRST_DAY), LAST_DAY)
        midnight = datetime.combine(day, time(), zone)
        following = datetime.combine(day + timedelta(days=1), time(), zone)
        return CallFilter(midnight.astimezone(UTC), following.astimezone(UTC), self.handoff)

    def going_older(self) -> "Search":
        """The next screen."""
        return replace(self, places=(*self.places, self.older or ""), older=None)

    def going_newer(self) -> "Search":
        """The previous screen, or the first one if that is no longer stored."""
        return replace(self, places=self.places[:-1] or ("",), older=None)

    @property
    def is_first(self) -> bool:
        """Whether the newest calls are shown."""
        return self.places[-1] == ""

    def metadata(self) -> str:
        """Serialize the search within Slack's limit; the earliest screens are dropped first.

        A place can be too long on its own, because cursors are PolyAI's; then the list ends there.
        """
        text = self._metadata_text()
        if len(text) <= MAX_METADATA_CHARACTERS:
            return text
        if len(self.places) > 1:
            return replace(self, places=self.places[1:]).metadata()
        if self.older is not None:
            return replace(self, older=None).metadata()
        return replace(self, places=("",)).metadata()

    @classmethod
    def of(cls, metadata: str) -> Self:
        """Read what ``metadata`` returned."""
        fields = json.loads(metadata)
        return cls(
            agent_name=fields["agent"],
            until=datetime.fromtimestamp(fields["until"], UTC),
            day=date.fromisoformat(fields["day"]) if fields["day"] else None,
            handoff=fields["handoff"],
            places=tuple(fields["places"]),
            older=fields["older"],
            zone=fields["zone"],
        )

    def _metadata_text(self) -> str:
        return json.dumps(
            {
                "agent": self.agent_name,
                "until": int(self.until.timestamp()),
                "day": self.day.isoformat() if self.day else None,
                "handoff": self.handoff,
                "places": self.places,
                "older": self.older,
                "zone": self.zone,
            },
            separators=(",", ":"),
        )
