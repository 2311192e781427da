"""A scheduled digest, and the period that one post covers."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo


class DigestKind(StrEnum):
    """The subject of a digest."""

    CALLS = "calls"
    ACCESS = "access"


@dataclass(frozen=True, slots=True)
class Digest:
    """A stored digest.

    Attributes:
        agent_name: the agent, by its name in the settings; empty for ``access``.
        timetable: as it was typed, such as ``09:00 mon-fri`` or five fields of cron.
        zone: IANA name of the time zone of its timetable and of the times it shows.
        owner_id: the person who scheduled it; notified when it has to be paused.
        paused_because: why it is paused; None while it runs.
        revision: raised by every change.
    """

    id: str
    team_id: str
    kind: DigestKind
    channel_id: str
    agent_name: str
    timetable: str
    zone: str
    owner_id: str
    created_at: datetime
    paused_because: str | None
    revision: int


@dataclass(frozen=True, slots=True)
class Period:
    """The time that a post covers, [since, until), shown in ``zone``."""

    since: datetime
    until: datetime
    zone: ZoneInfo

    @property
    def before(self) -> "Period":
        """The equally long period that ends where this one starts."""
        return Period(self.since - (self.until - self.since), self.since, self.zone)
