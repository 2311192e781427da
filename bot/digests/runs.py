"""One run of a digest: a claimed slot, as stored."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from bot.digests.digest import Digest, Period
from bot.digests.slack_port import Slot
from bot.digests.zone_names import zone_of
from bot.store.tables import DigestRunRow

PREFIX: Final = "digest"


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
        return f"{PREFIX}:{self.digest_id}:{self.slot_local}"

    @classmethod
    def parse(cls, text: str) -> "RunKey":
        """Parse the output of ``str``."""
        _, digest_id, slot_local = text.split(":", 2)
        return cls(digest_id, slot_local)


@dataclass(frozen=True, slots=True)
class Run:
    """One run, with its digest."""

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

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will be posted."""
        return self.state is not RunState.CLAIMED


def run_of(row: DigestRunRow, digest: Digest) -> Run:
    """Read a row as a frozen value."""
    period = Period(row.covered_since, row.due_at, zone_of(digest.zone))
    return Run(
        digest=digest,
        slot=Slot(row.slot_local, row.due_at, period),
        asked_by=row.asked_by,
        post_tried_at=row.post_tried_at,
        lost_answers=row.lost_answers,
        state=RunState(row.state),
    )
