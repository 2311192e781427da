"""What a digest does in Slack and what it is made of, and the values that cross those borders."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.digests.digest import Digest, Period
from bot.digests.report import Report


@dataclass(frozen=True, slots=True)
class Slot:
    """One time at which a digest is due.

    Attributes:
        local: the wall clock's time in the digest's zone, such as ``2026-06-03T09:00``; together
            with the digest's id the one name of this post, whatever the offset to UTC.
        due_at: the instant, aware.
        period: what the post tells of.
    """

    local: str
    due_at: datetime
    period: Period


@dataclass(frozen=True, slots=True)
class DigestPost:
    """One post of a digest."""

    digest: Digest
    slot: Slot
    report: Report
    skipped: tuple[str, ...] = ()
    """Local times of earlier slots that were missed and are not made up for."""


class Reporter(Protocol):
    """Makes the report of a period."""

    async def report(self, digest: Digest, period: Period) -> Report:
        """Read and sum up; what could not be read is told in the report.

        Raises:
            CallAudioError: nothing could be read at all.
        """
        ...


class DigestPort(Protocol):
    """The few things a digest does in Slack; each raises ``CallAudioError`` if Slack refuses."""

    async def post(self, post: DigestPost) -> str:
        """Post it, marked with the digest's id and the slot; gives its ts.

        Never repeated by itself, but for blocks that the workspace refuses.
        """
        ...

    async def find(self, digest: Digest, slot_local: str, since: datetime) -> str | None:
        """Look for the post of a slot by its metadata, where history may be read."""
        ...

    async def notify_owner(self, digest: Digest, why: str) -> None:
        """Tell the owner that the digest is paused, and why."""
        ...
