"""The processes of an installation, and their supervisor."""

import asyncio
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bot.wiring.application import Roles
from tests.ports import free_port
from tests.scenarios.killed_bot import Bot, Nursery

LOOKS_EVERY_SECONDS = 0.1
CLOCKS_AHEAD_SECONDS = (0.0, 30.0, -30.0)
"""Of every three workers one has a fast clock and one a slow one."""


@dataclass
class Place:
    """The place of one process: it is started again whenever it has ended."""

    name: str
    roles: Roles
    port: int
    clock_ahead_seconds: float = 0.0
    bot: Bot | None = None
    is_ending: bool = False
    """Whether it was killed or told to end."""
    is_stopped: bool = False
    starts: int = 0


@dataclass
class Fleet:
    """Keeps every place filled, and records processes that ended by themselves."""

    nursery: Nursery
    environment: dict[str, str]
    folder: Path
    places: list[Place] = field(default_factory=list)
    deserters: list[str] = field(default_factory=list)
    interrupted_at: list[float] = field(default_factory=list)

    def add(self, count: int, name: str, roles: Roles) -> list[Place]:
        """Add places for this number of processes of a kind."""
        ahead = CLOCKS_AHEAD_SECONDS if roles.works else (0.0,)
        new = [
            Place(f"{name}-{number}", roles, free_port(), ahead[number % len(ahead)])
            for number in range(count)
        ]
        self.places += new
        return new

    async def start(self, place: Place) -> None:
        """Start a process, and wait until it listens."""
        place.starts += 1
        log = self.folder / f"{place.name}.{place.starts}.log"
        pid = self.nursery.start(
            {**self.environment, "PORT": str(place.port)},
            place.roles,
            log,
            timings="stormy",
            clock_ahead_seconds=place.clock_ahead_seconds,
        )
        place.bot, place.is_ending, place.is_stopped = Bot(pid, place.port, log), False, False

    async def keep(self) -> None:
        """Start every process that has ended, until cancelled."""
        while True:
            for place in self.places:
                if place.bot is None or not place.bot.is_alive:
                    if place.bot and not place.is_ending and not _could_not_start(place.bot):
                        self.deserters.append(f"{place.name}: {_end_of(place.bot)}")
                    await self.start(place)
            await asyncio.sleep(LOOKS_EVERY_SECONDS)

    def signal(self, place: Place, number: signal.Signals) -> None:
        """Send a process a signal."""
        if place.bot is None or not place.bot.is_alive:
            return
        place.is_ending = place.is_ending or number in (signal.SIGKILL, signal.SIGTERM)
        place.is_stopped = number == signal.SIGSTOP
        if number != signal.SIGCONT:
            self.interrupted_at.append(time.time())
        with suppress(ProcessLookupError):
            place.bot.signal(number)

    def go_on(self) -> None:
        """Continue every stopped process."""
        for place in self.places:
            if place.is_stopped:
                self.signal(place, signal.SIGCONT)

    async def end(self) -> None:
        """Kill them all."""
        for place in self.places:
            self.signal(place, signal.SIGKILL)
        for place in self.places:
            if place.bot:
                await place.bot.is_gone()

    def logs(self) -> Sequence[Path]:
        """All logs."""
        return sorted(self.folder.glob("*.log"))


def _could_not_start(bot: Bot) -> bool:
    """Return whether it ended before it served requests: its supervisor tries again."""
    return '"started"' not in bot.log.read_text()


def _end_of(bot: Bot) -> str:
    return bot.log.read_text()[-600:]
