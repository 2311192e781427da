"""Compares the recordings that people see in a channel with the known ones."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from bot.sandbox import recordings
from bot.sandbox.objects import File
from bot.sandbox.workspace import Workspace

DEADLINE_SECONDS: Final = 20.0
POLL_SECONDS: Final = 0.1


class ChannelRecordings:
    """The recordings in one channel."""

    def __init__(self, workspace: Workspace, channel_id: str) -> None:
        self._workspace = workspace
        self.channel_id = channel_id

    @property
    def seen(self) -> Sequence[File]:
        """The recordings that people see there."""
        return self._workspace.visible_recordings(self.channel_id)

    def holds(self, *, redacted: bool) -> bool:
        """Whether exactly one recording is visible, with these bytes, shared once."""
        whole = recordings.load("combined", redacted=redacted)
        return [(file.content, file.completed_times) for file in self.seen] == [(whole, 1)]

    def has_file(self, file_id: str) -> bool:
        """Whether that file is visible."""
        return any(each.id == file_id for each in self.seen)

    def shows_raw(self) -> bool:
        """Whether its card shows a raw recording: the bot has then stored the end."""
        messages = self._workspace.messages(self.channel_id)
        return self.holds(redacted=False) and any(each.edited for each in messages)


async def until(holds: Callable[[], bool]) -> bool:
    """Wait until the condition holds, for a while; returns whether it does."""
    for _ in range(round(DEADLINE_SECONDS / POLL_SECONDS)):
        if holds():
            return True
        await asyncio.sleep(POLL_SECONDS)
    return False
