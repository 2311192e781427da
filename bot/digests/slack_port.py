"""The port of a digest to Slack, and the value that crosses it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.digests.digest import Digest, Slot
from bot.digests.report import Report


@dataclass(frozen=True, slots=True)
class DigestPost:
    """One post of a digest."""

    digest: Digest
    slot: Slot
    report: Report
    skipped: tuple[str, ...] = ()
    """Local times of earlier slots that were missed and will not be posted."""


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
