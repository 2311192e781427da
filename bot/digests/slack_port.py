"""The ports of a digest, to Slack and to its report, and the values that cross them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.digests.digest import Digest, Period
from bot.digests.report import Report


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


@dataclass(frozen=True, slots=True)
class DigestPost:
    """One post of a digest."""

    digest: Digest
    slot: Slot
    report: Report
    skipped: tuple[str, ...] = ()
    """Local times of earlier slots that were missed and will not be posted."""


class Reporter(Protocol):
    """Builds the report of a period."""

    async def report(self, digest: Digest, period: Period) -> Report:
        """Build a report; it says what could not be read.

        Raises:
            CallAudioError: nothing could be read.
        """
        ...


class DigestPort(Protocol):
    """The Slack calls of a digest; each raises ``CallAudioError`` if Slack refuses."""

    async def post(self, post: DigestPost) -> str:
        """Post a digest with its id and slot in the metadata; returns the message's ts.

        Not retried, except without blocks that the workspace refuses.
        """
        ...

    async def find(self, digest: Digest, slot_local: str, since: datetime) -> str | None:
        """Find the post of a slot by its metadata, if the bot may read the history."""
        ...

    async def notify_owner(self, digest: Digest, why: str) -> None:
        """Notify the owner that the digest is paused, and why."""
        ...
