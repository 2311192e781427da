"""Notifies open pages of changes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from bot.sandbox.page.scene import World

POLL_SECONDS: Final = 0.15
KEEP_ALIVE_POLLS: Final = 100
POLLS_AFTER_CHANGE: Final = 4
"""The bot's last change of the store causes no request, so the page checks again after this."""


class Changes:
    """Watches the stand-ins, and everything else that the page shows."""

    def __init__(self, world: World, others: Callable[[], tuple[object, ...]]) -> None:
        self._world = world
        self._others = others
        self._closing = asyncio.Event()

    def close(self) -> None:
        """End open streams, so that the server can stop."""
        self._closing.set()

    async def since(self, known: str) -> AsyncIterator[str]:
        """Yield at each change since the state that a page shows."""
        polls, last_change = 0, -POLLS_AFTER_CHANGE
        yield "retry: 1000\n\n"
        while not self._closing.is_set():
            now, polls = self.state(), polls + 1
            if now != known:
                known, last_change = now, polls
                yield "data: changed\n\n"
            elif polls == last_change + POLLS_AFTER_CHANGE:
                yield "data: changed\n\n"
            elif polls % KEEP_ALIVE_POLLS == 0:
                yield ": still here\n\n"
            await asyncio.sleep(POLL_SECONDS)

    def state(self) -> str:
        """Return an id of the current state."""
        workspace = self._world.workspace
        state = (
            len(workspace.calls),
            len(workspace.ephemerals),
            sum(map(len, workspace.timeline.values())),
            tuple(view.hash for view in workspace.views.values()),
            tuple(view.hash for view in workspace.homes.values()),
            tuple(workspace.channels.values()),
            tuple(file.deleted for file in workspace.files),
            len(self._world.polyai.requests),
            *self._others(),
        )
        return f"{hash(state):x}"
