"""Slack or PolyAI is unavailable for a while: in the end every command has one visible outcome.

The bot's clock runs two hundred times as fast, so minutes of an outage take seconds, with
production's rules.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from bot.jobs.retry_rule import RetryRule
from bot.network import circuit
from bot.recordings.steps import share_attempts
from bot.recordings.steps.share_attempts import LONGEST_DECISION_AGE
from bot.sandbox.faults import Fault, Faults
from bot.store.tables import DeliveryRow, DueWorkRow
from bot.wiring.timings import Timings
from tests.polling import until
from tests.scenarios.conftest import OpenScene
from tests.scenarios.scene import ALICE, BOB, BROKEN_OFF, CHANNEL, SHARE, Scene

TIMES_AS_FAST = 200
BOBS_ROOM = "C0BOBSROOM"
BOARD_ROOM = "C0BOARD000"
OF_EACH_KIND = 1
AT_ONCE = 12
WAITS = "has to wait"
TIMINGS = Timings(visibility_waits_seconds=(0.05, 0.1, 0.2), poll_seconds=0.15)

ENDS = {
    "raw": ("delivered", 1, 0),
    "redacted": ("delivered", 1, 1),
    "refused": ("refused", 0, 1),
    "failed": ("failed", 0, 1),
}
"""For each kind of command: its state in the end, and how many files and private notes."""
AWAY = {
    "connections break": Fault("*", drop_connection=True),
    "service unavailable": Fault("*", status=503, body=b"oops"),
    "rate limited": Fault("*", status=429, headers={"Retry-After": "0"}, body=b"{}"),
}


class FastClock:
    """A clock that begins as the machine's and runs faster."""

    def __init__(self) -> None:
        self.began_at, self._began = datetime.now(UTC), time.monotonic()

    def __call__(self) -> datetime:
        seconds = TIMES_AS_FAST * (time.monotonic() - self._began)
        return self.began_at + timedelta(seconds=seconds)


@dataclass(frozen=True)
class Outcome:
    """The outcome of one command, as its requester sees it, and in the store."""

    state: str
    files: int
    notes: int
    waiting_notes: int
    error_code: str | None


@dataclass
class Batch:
    """Commands of every kind, and the bot's clock."""

    scene: Scene
    clock: FastClock
    of_each_kind: int = OF_EACH_KIND

    async def ask(self) -> dict[str, str]:
        """Type every command, twelve at a time; returns each conversation's kind."""
        scene, kinds = self.scene, {}
        commands = []
        for number in range(self.of_each_kind):
            unknown = f"CA{'f' * 24}{number:08x}"
            raw, redacted, refused = (scene.another_call() for _ in range(3))
            kinds |= {raw: "raw", redacted: "redacted", refused: "refused", unknown: "failed"}
            commands += [
                scene.people.command(ALICE, CHANNEL, raw),
                scene.people.command(BOB, BOBS_ROOM, redacted),
                scene.people.command(ALICE, CHANNEL, f"{refused} {BOARD_ROOM}"),
                scene.people.command(ALICE, CHANNEL, unknown),
            ]
        for at in range(0, len(commands), AT_ONCE):
            acks = await asyncio.gather(*commands[at : at + AT_ONCE])
            assert [ack.text for ack in acks if "Got it" not in ack.text] == []
        return kinds

    def end_outage(self, faults: Faults) -> None:
        """End it, except for the calls by which the bot distinguishes an outage from a lost answer.
        A note whose connection breaks at the very end of an outage counts as sent, because the bot
        cannot distinguish it from one that Slack accepted.
        """
        times = len(ENDS) * self.of_each_kind
        faults.add(Fault("auth.test", drop_connection=True, times=times))
        faults.everywhere = None

    def assert_as_without_an_outage(self, found: dict[str, list[Outcome]]) -> None:
        for kind, end in ENDS.items():
            ends = [(o.state, o.files, o.notes) for o in found[kind]]
            assert ends == [end] * self.of_each_kind, kind
            assert all(each.waiting_notes <= 1 for each in found[kind])

    async def outcomes(self, kinds: dict[str, str]) -> dict[str, list[Outcome]]:
        """Wait while work becomes less, until none is left; returns the outcomes of each kind."""

        async def waiting() -> int:
            return len(await self.scene.stored(select(DueWorkRow.key).filter_by(kind="deliver")))

        # On a busy machine a hundred may take longer than one step may.
        while left := await waiting():

            async def has_progressed(left: int = left) -> bool:
                return await waiting() < left

            await until(has_progressed, every_seconds=0.1)
        rows = await self.scene.deliveries()
        assert len(rows) == len(kinds)
        found: dict[str, list[Outcome]] = {kind: [] for kind in ENDS}
        for row in rows:
            found[kinds[row.conversation_id]].append(self._outcome(row))
        return found

    def _outcome(self, row: DeliveryRow) -> Outcome:
        scene = self.scene
        private = [each for each in scene.workspace.ephemerals if each.via != "ack"]
        direct = [each for each in scene.everything_posted() if each.channel.startswith("D")]
        notes = [each for each in (*private, *direct) if row.id in str(each.blocks)]
        waiting = [note for note in notes if WAITS in note.text]
        files = [each for each in scene.every_visible_file() if row.conversation_id in each.name]
        return Outcome(
            row.state, len(files), len(notes) - len(waiting), len(waiting), row.error_code
        )

    async def pass_time(self, length: timedelta) -> None:
        """Wait this long, by the bot's clock."""
        over_at = self.clock() + length
        await until(lambda: self.clock() >= over_at)


@pytest.fixture(autouse=True)
def _circuits_wait_by_the_fast_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the circuit breakers wait as long by the fast clock as in production."""
    for name in ("OPENS_AFTER_SECONDS", "FIRST_PROBE_SECONDS", "LONGEST_PROBE_SECONDS"):
        monkeypatch.setattr(circuit, name, getattr(circuit, name) / TIMES_AS_FAST)


@pytest.fixture(autouse=True)
def _decisions_age_by_the_fast_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a decision be valid for five real seconds, which are longer on the fast clock."""
    monkeypatch.setattr(
        share_attempts, "LONGEST_DECISION_AGE", TIMES_AS_FAST * LONGEST_DECISION_AGE
    )


@pytest.fixture
async def batch(new_scene: OpenScene) -> AsyncIterator[Batch]:
    clock = FastClock()
    async with new_scene(timings=TIMINGS, clock=clock) as scene:
        scene.excuse(BROKEN_OFF)
        scene.workspace.add_channel(BOBS_ROOM, members=[BOB], is_private=True)
        scene.workspace.add_channel(BOARD_ROOM, members=[BOB], is_private=True)
        scene.workspace.scopes.add("groups:history")
        await scene.grant()
        await scene.people.command(ALICE, CHANNEL, "help")  # so that the bot knows its own identity
        yield Batch(scene, clock)


OUTAGES = [
    pytest.param("slack", OF_EACH_KIND, "connections break"),
    *(
        pytest.param(service, 25, away, marks=pytest.mark.long)
        for service in ("slack", "polyai")
        for away in AWAY
    ),
]


@pytest.mark.parametrize(("service", "of_each_kind", "away"), OUTAGES)
async def test_an_outage_of_minutes_loses_no_delivery_and_is_not_reported_as_a_failure(
    batch, service, of_each_kind, away
):
    batch.of_each_kind = of_each_kind
    faults: Faults = getattr(batch.scene, service).faults
    faults.everywhere = AWAY[away]
    kinds = await batch.ask()
    await batch.pass_time(timedelta(minutes=5))
    batch.end_outage(faults)

    batch.assert_as_without_an_outage(await batch.outcomes(kinds))


@pytest.mark.parametrize("service", ["slack", pytest.param("polyai", marks=pytest.mark.long)])
async def test_an_outage_that_begins_in_the_middle_loses_no_delivery(batch, service):
    kinds = await batch.ask()
    faults: Faults = getattr(batch.scene, service).faults
    await until(lambda: batch.scene.workspace.called("files.getUploadURLExternal"))
    faults.everywhere = AWAY["connections break"]
    await batch.pass_time(timedelta(minutes=2))
    batch.end_outage(faults)

    batch.assert_as_without_an_outage(await batch.outcomes(kinds))


async def test_an_outage_that_lasts_too_long_ends_each_command_in_one_reported_failure(batch):
    batch.scene.polyai.faults.everywhere = AWAY["service unavailable"]
    kinds = await batch.ask()
    for _ in range(RetryRule().attempts):
        await batch.pass_time(timedelta(seconds=20))
        batch.clock.began_at += timedelta(minutes=1)  # no interval is longer

    found = await batch.outcomes(kinds)

    for kind in ("raw", "redacted", "failed"):
        assert [(o.state, o.files, o.notes) for o in found[kind]] == [
            ("failed", 0, 1)
        ] * batch.of_each_kind
        assert {each.error_code for each in found[kind]} == {"polyai_unavailable"}
        # Once, on the card or privately, the requester was told that it waits.
        assert {each.waiting_notes for each in found[kind]} == {1}
    assert {(o.state, o.files, o.notes) for o in found["refused"]} == {ENDS["refused"]}


async def test_slow_and_lost_answers_neither_repeat_nor_lose_a_delivery(batch):
    faults = batch.scene.slack.faults
    faults.everywhere = Fault("*", delay_seconds=0.05)
    for route in ("response_url", SHARE, "chat.postMessage", "chat.update"):
        for _ in range(3):
            faults.add(Fault(route, when="after", drop_connection=True))
            faults.add(Fault(route))

    kinds = await batch.ask()

    batch.assert_as_without_an_outage(await batch.outcomes(kinds))


async def test_a_note_that_cannot_be_sent_for_a_day_is_audited_and_shown_in_app_home(batch):
    scene = batch.scene
    kinds = {"CA" + "f" * 32: "failed"}
    for route in ("response_url", "chat.postEphemeral", "conversations.open"):
        scene.slack.faults.add(Fault(route, status=503, body=b"oops", times=100_000))
    await scene.people.command(ALICE, CHANNEL, next(iter(kinds)))
    await until(lambda: scene.events("worker:delivery:failed"), every_seconds=0.05)

    batch.clock.began_at += timedelta(hours=23, minutes=50)
    await batch.pass_time(timedelta(minutes=1))
    assert "worker:delivery:untold" not in await batch.scene.tags()
    batch.clock.began_at += timedelta(minutes=10)
    (outcome,) = (await batch.outcomes(kinds))["failed"]

    assert (outcome.state, outcome.notes) == ("failed", 0)
    assert (await batch.scene.tags())[-2:] == ["worker:delivery:failed", "worker:delivery:untold"]
    scene.slack.faults.clear()
    await scene.people.home_opened(ALICE)
    homes = scene.workspace.homes
    await until(lambda: "PolyAI knows no conversation with this id" in str(homes.get(ALICE)))
