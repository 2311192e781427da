"""Faults chosen by a seed: of processes, the database, the network, Slack and PolyAI."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.sandbox.faults import Fault, Faults
from tests.chaos.fleet import Fleet, Place
from tests.chaos.story import Story
from tests.scenarios.scene import Scene
from tests.tcp_relay import TcpRelay

LOSES = ("chat.postMessage", "files.completeUploadExternal", "chat.update", "response_url")
"""Calls that must not take effect twice; Slack's answer is lost after the effect."""
SLACK_AWAY = (
    Fault("*", status=429, headers={"Retry-After": "1"}, body=b"{}"),
    Fault("*", status=503, body=b"oops"),
    Fault("*", delay_seconds=0.4),
)
POLYAI_AWAY = (
    Fault("*", status=429, headers={"Retry-After": "1"}, body=b"{}"),
    Fault("*", status=503, body=b"oops"),
    Fault("*", drop_connection=True),
    Fault("*", delay_seconds=0.4),
)


@dataclass
class InjectedFaults:
    """Injects one fault after another, and now and then two at a time."""

    scene: Scene
    fleet: Fleet
    database: TcpRelay
    polyai: TcpRelay
    restart_database: Callable[[], Awaitable[None]]
    story: Story
    chance: random.Random

    async def inject_for(self, seconds: float) -> None:
        """Inject faults for this time."""
        kinds = (
            *(self.kill, self.kill, self.terminate, self.stop, self.restart, self.cut_database),
            *(self.freeze_database, self.lose_commits, self.halve_statements, self.slow_database),
            *(self.slack_away, self.slack_forgets, self.polyai_away, self.polyai_breaks),
        )
        order: list[Callable[[float], Awaitable[None]]] = []
        over_at = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < over_at:
            if not order:  # each kind comes before any comes again
                order = self.chance.sample(kinds, len(kinds))
            harm, length = order.pop(), self.chance.uniform(0.5, 3.0)
            self.story.events.append(f"{harm.__name__} {length:.1f} s")
            if self.chance.random() < 0.3 and order:
                other = order.pop()
                self.story.events.append(f"  together with {other.__name__}")
                await asyncio.gather(harm(length), other(length))
            else:
                await harm(length)
            await asyncio.sleep(self.chance.uniform(0.2, 1.5))

    def end(self) -> None:
        """End all faults."""
        self.fleet.go_on()
        for relay in (self.database, self.polyai):
            relay.thaw()
            relay.delay_seconds, relay.halves, relay.losses, relay.is_open = 0.0, 0, 0, True
        for faults in (self.scene.slack.faults, self.scene.polyai.faults):
            faults.clear()

    async def kill(self, _: float) -> None:
        """Kill a process outright."""
        self.fleet.signal(self._somebody(), signal.SIGKILL)

    async def terminate(self, _: float) -> None:
        """Tell a process to end."""
        self.fleet.signal(self._somebody(), signal.SIGTERM)

    async def stop(self, length: float) -> None:
        """Stop a process for a while; a worker now and then for longer than its lease."""
        place = self._somebody()
        self.fleet.signal(place, signal.SIGSTOP)
        await asyncio.sleep(length * (self.chance.choice((1, 5)) if place.roles.works else 1))
        self.fleet.signal(place, signal.SIGCONT)

    async def restart(self, length: float) -> None:
        """Restart the database."""
        del length
        await self.restart_database()

    async def cut_database(self, length: float) -> None:
        """Cut every connection to the database, and allow no new ones for a while."""
        self.database.is_open = False
        await self.database.cut()
        await asyncio.sleep(length)
        self.database.is_open = True

    async def freeze_database(self, length: float) -> None:
        """Block all traffic with the database."""
        self.database.freeze()
        await asyncio.sleep(length)
        self.database.thaw()

    async def lose_commits(self, length: float) -> None:
        """Lose answers of the database, some of them to a COMMIT."""
        self.database.losses += self.chance.randint(1, 6)
        await asyncio.sleep(length)

    async def halve_statements(self, length: float) -> None:
        """Cut connections in the middle of a request to the database."""
        self.database.halves += self.chance.randint(1, 6)
        await asyncio.sleep(length)

    async def slow_database(self, length: float) -> None:
        """Delay each answer of the database."""
        self.database.delay_seconds = 0.02
        await asyncio.sleep(length)
        self.database.delay_seconds = 0.0

    async def slack_away(self, length: float) -> None:
        """Make Slack refuse, fail or answer slowly. It loses no answers: a note with a lost answer
        could not be distinguished from one that was never sent.
        """
        self.scene.slack.faults.clear()
        await self._away(self.scene.slack.faults, SLACK_AWAY, length)

    async def slack_forgets(self, length: float) -> None:
        """Let Slack's calls take effect, and lose the answers."""
        for _ in range(0 if self.scene.slack.faults.everywhere else self.chance.randint(1, 4)):
            route = self.chance.choice(LOSES)
            self.scene.slack.faults.add(Fault(route, when="after", drop_connection=True))
        await asyncio.sleep(length)

    async def polyai_away(self, length: float) -> None:
        """Make PolyAI refuse, fail, break off or answer slowly."""
        await self._away(self.scene.polyai.faults, POLYAI_AWAY, length)

    async def polyai_breaks(self, length: float) -> None:
        """Cut or damage PolyAI's responses."""
        self.polyai.losses += self.chance.randint(1, 4)
        await self.polyai.cut()
        await asyncio.sleep(length)

    async def _away(self, faults: Faults, kinds: Sequence[Fault], length: float) -> None:
        faults.everywhere = self.chance.choice(kinds)
        await asyncio.sleep(length)
        faults.everywhere = None

    def _somebody(self) -> Place:
        return self.chance.choice(self.fleet.places)
