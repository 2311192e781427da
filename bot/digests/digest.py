"""A scheduled digest, why it may be paused, and its runs: one for each slot."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo


class DigestKind(StrEnum):
    """The subject of a digest."""

    CALLS = "calls"
    ACCESS = "access"


class PauseCause(StrEnum):
    """Why a digest is paused."""

    ASKED = "asked"
    ARCHIVED = "archived"
    UNSEEN = "unseen"
    EXTERNAL = "external"
    NOT_INVITED = "not_invited"
    REMOVED = "removed"


WHY_PAUSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        PauseCause.ASKED: "an admin paused it",
        PauseCause.ARCHIVED: "the channel is archived",
        PauseCause.UNSEEN: "the channel is gone, or it is private and I am not in it any more",
        PauseCause.EXTERNAL: (
            "the channel is, or is about to be, shared with another organisation"
        ),
        PauseCause.NOT_INVITED: "I am not in the channel any more",
        PauseCause.REMOVED: "the app was removed from the workspace, and installed again since",
    }
)


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


@dataclass(frozen=True, slots=True)
class Slot:
    """One time at which a digest is due.

    Attributes:
        local: the local time in the digest's zone, such as ``2026-06-03T09:00``; with the digest's
            id it identifies the post, whatever the offset to UTC.
        due_at: the same time in UTC.
        period: the time that the post covers.
    """

    local: str
    due_at: datetime
    period: Period


class RunState(StrEnum):
    """The state of a run; all but the first are final."""

    CLAIMED = "claimed"
    POSTED = "posted"
    SKIPPED = "skipped"
    FAILED = "failed"
    SUSPENDED = "suspended"
    """It found that the digest had to be paused."""


@dataclass(frozen=True, slots=True)
class RunKey:
    """Identifies a run; as text it is the key of its due work."""

    digest_id: str
    slot_local: str

    def __str__(self) -> str:
        """Format it, such as ``digest:g1:2026-06-03T09:00``."""
        return f"digest:{self.digest_id}:{self.slot_local}"

    @classmethod
    def parse(cls, text: str) -> "RunKey":
        """Parse the output of ``str``."""
        _, digest_id, slot_local = text.split(":", 2)
        return cls(digest_id, slot_local)


@dataclass(frozen=True, slots=True)
class Run:
    """One run: a claimed slot of a digest."""

    digest: Digest
    slot: Slot
    asked_by: str | None
    post_tried_at: datetime | None
    lost_answers: int
    state: RunState

    @property
    def key(self) -> RunKey:
        """The key of the run."""
        return RunKey(self.digest.id, self.slot.local)
