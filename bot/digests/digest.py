"""A digest that somebody scheduled, and the period that one of its posts tells of."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo


class DigestKind(StrEnum):
    """What a digest tells."""

    CALLS = "calls"
    ACCESS = "access"


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest as it stands in the store.

    Attributes:
        agent_name: whose calls, by the name in the settings; meaningless for ``access``.
        timetable: as it was typed, such as ``09:00 mon-fri`` or five fields of cron.
        zone: IANA name of the zone in which it is due, and whose times it tells.
        owner_id: who scheduled it; told when it has to be paused.
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
    """What a post tells of: from ``since`` on, before ``until``, told in ``zone``."""

    since: datetime
    until: datetime
    zone: ZoneInfo

    @property
    def before(self) -> "Period":
        """The equally long period that ends where this one starts."""
        return Period(self.since - (self.until - self.since), self.since, self.zone)
