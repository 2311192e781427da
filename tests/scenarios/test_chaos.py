"""A few seconds of chaos; `make chaos` is minutes of it, with more processes."""

import random
import time
from dataclasses import dataclass, replace

import httpx
import psycopg

from bot.sandbox import delivery
from bot.sandbox.delivery import Ack, signature_headers
from tests.chaos import people
from tests.chaos.people import People
from tests.chaos.run import Plan, chaos, report_of_findings
from tests.chaos.story import Story
from tests.polling import DEADLINE_SECONDS
from tests.postgresql import END_OTHER_SESSIONS
from tests.scenarios.scene import Scene

PLAN = Plan(seed=7, seconds=5, webs=2, workers=2, commands_a_second=3)


async def test_every_request_is_delivered_once_despite_faults(
    nursery, migrated_postgresql, tmp_path
):
    url = migrated_postgresql()

    async def restart() -> None:
        """Cut the connections to this database only, because other tests use the server too."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(END_OTHER_SESSIONS)

    outcome = await chaos(PLAN, nursery, url, tmp_path, restart)

    report = [*outcome.story.events, *report_of_findings(outcome)]
    assert not outcome.findings, "\n".join(report)
    assert len(outcome.story.asked) >= 5


@dataclass
class SlowMachine:
    """Three processes: one answers too late; the next two were killed, which is noticed late."""

    scene: Scene
    seconds: float = 0.0
    reached: int = 0

    async def command(self, *said: str) -> Ack:
        self.reached += 1
        if self.reached in (2, 3):
            self.seconds += 4.0
            raise httpx.ConnectError("refused")
        ack = await self.scene.people.command(*said)
        await self.scene.ended(await self.scene.latest())
        self.seconds += 3.1
        return replace(ack, seconds=2 * DEADLINE_SECONDS)


async def test_people_on_a_slow_machine_repeat_no_words_that_count_as_a_new_request(
    scene, monkeypatch
):
    machine = SlowMachine(scene)

    def signed_then(secret: str, body: str) -> dict[str, str]:
        return signature_headers(secret, body, int(time.time() + machine.seconds))

    monkeypatch.setattr(delivery, "signature_headers", signed_then)
    monkeypatch.setattr(people, "ASKS_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(people, "WISHES", ("recording",))
    story = Story()
    person = People(scene, [machine] * 3, story, random.Random(1), now=lambda: machine.seconds)
    person.settle_in()

    await person.ask()

    (asked,) = story.asked.values()
    assert (len(asked.said), asked.was_taken, asked.is_doubtful) == (2, False, True)
    assert len(await scene.deliveries()) == 1
