"""One run: an installation, its people and its weather, from a seed to a verdict."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from bot.cli.loopback_server import LOOPBACK
from bot.jobs.background import in_background
from bot.recordings.deliveries.delivery_store import DELIVER
from bot.sandbox.person import SlackClientSide
from bot.store.tables import DigestRunRow, DueWorkRow
from bot.wiring.clock import utc_now
from tests.chaos.fleet import WEB, WORKER, Fleet
from tests.chaos.judging import Verdict
from tests.chaos.people import CLEARED, People
from tests.chaos.story import Story
from tests.chaos.weather import Weather
from tests.scenarios.digest_scene import add_digest, ask_for, runs
from tests.scenarios.killed_bot import Nursery, open_street
from tests.scenarios.scene import BOSS, Scene
from tests.tcp_relay import DatabaseRelay, HttpRelay

REVOKED = CLEARED[0]
"""Loses the right to hear raw in the middle; all that is raw where they listen is taken back."""
DIGEST_EVERY_SECONDS = 3.0
LONGEST_END_SECONDS = 240.0


@dataclass(frozen=True)
class Plan:
    """How much of it."""

    seed: int
    seconds: float
    webs: int = 4
    workers: int = 4
    commands_a_second: float = 2.0


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    story: Story
    findings: list[str]
    logs: list[Path]


async def chaos(
    plan: Plan,
    nursery: Nursery,
    database_url: str,
    folder: Path,
    restart_database: Callable[[], Awaitable[None]],
) -> Outcome:
    """Let it all happen, wait until everything has ended, and judge."""
    story, chance = Story(), random.Random(plan.seed)
    async with AsyncExitStack() as stack:
        street = await stack.enter_async_context(
            open_street(nursery, folder, database_url=database_url)
        )
        scene = street.scene
        database = await stack.enter_async_context(DatabaseRelay(database_url))
        polyai = await stack.enter_async_context(HttpRelay(scene.polyai.origin))
        environment = street.environment | {
            "DATABASE_URL": database.url,
            "POLYAI_API_URL": scene.polyai.url.replace(scene.polyai.origin, polyai.origin),
            "CALLAUDIO_ADMINS": BOSS,
        }
        fleet = Fleet(nursery, environment, folder, interrupted_at=story.interrupted_at)
        stack.push_async_callback(fleet.end)
        webs = fleet.add(plan.webs, "web", WEB)
        workers = fleet.add(plan.workers, "worker", WORKER)
        sides = [
            SlackClientSide(scene.workspace, f"http://{LOOPBACK}:{each.port}/slack/events")
            for each in webs
        ]
        people = People(scene, sides, story, random.Random(chance.random()))
        people.settle_in()
        for user_id in CLEARED:
            await scene.grant(user_id)
        for place in (*webs, *workers):
            await fleet.start(place)
        for place in (*webs, *workers):
            assert place.bot
            await place.bot.is_up()
        weather = Weather(
            scene, fleet, database, polyai, restart_database, story, random.Random(plan.seed)
        )
        async with in_background(fleet.keep()):
            async with _digests(scene, story), _revoking(people, plan.seconds * 0.6):
                await asyncio.gather(
                    people.live(plan.seconds, plan.commands_a_second), weather.rage(plan.seconds)
                )
            weather.clear_up()
            await people.are_done()
            left = await _is_over(scene)
        verdict = Verdict(scene, story, not_cleared_in_the_end={REVOKED})
        findings = [
            *(f"it ended by itself: {each}" for each in fleet.deserters),
            *left,
            *await verdict.findings(),
        ]
        return Outcome(story, findings, list(fleet.logs()))


@asynccontextmanager
async def _digests(scene: Scene, story: Story) -> AsyncIterator[None]:
    """Ask for a digest's post every now and then."""
    database = scene.stage.application.database
    digest = await add_digest(database)

    async def ask_on_and_on() -> None:
        while True:
            try:
                local = await ask_for(database, digest)
                # Else it joined the post that was requested before it.
                if local in {run.slot_local for run in await runs(database)}:
                    story.digests.add((digest.id, local))
            except Exception as error:  # noqa: BLE001 - the database is being restarted
                story.events.append(f"  no digest was asked for: {type(error).__name__}")
            await asyncio.sleep(DIGEST_EVERY_SECONDS)

    async with in_background(ask_on_and_on()):
        yield


@asynccontextmanager
async def _revoking(people: People, after_seconds: float) -> AsyncIterator[None]:
    """Take one listener's right away in the middle, however often it has to be typed."""

    async def revoke() -> None:
        await asyncio.sleep(after_seconds)
        if not await people.rule(f"revoke <@{REVOKED}> pii"):
            raise AssertionError(people.story.events)

    revoking = asyncio.create_task(revoke())
    yield
    await revoking


async def _is_over(scene: Scene) -> list[str]:
    """Wait until nothing is left to be done; tells what is, if it takes too long."""
    database = scene.stage.application.database
    loop = asyncio.get_running_loop()
    over_at = loop.time() + LONGEST_END_SECONDS
    # What stands in the table for a later day, such as files kept, is not waited for.
    soon = (
        (DueWorkRow.kind == DELIVER)
        | (DueWorkRow.due_at <= utc_now())
        | DueWorkRow.claim.is_not(None)
    )
    while True:
        async with database.read() as session:
            rows = (
                await session.execute(select(DueWorkRow.kind, DueWorkRow.key).where(soon))
            ).all()
            unposted = await session.scalar(
                select(func.count()).where(DigestRunRow.ended_at.is_(None))
            )
        if not rows and not unposted:
            return []
        if loop.time() > over_at:
            return [f"never done: {kind} {key}" for kind, key in rows] + [f"digests: {unposted}"]
        await asyncio.sleep(0.3)
