"""One run: an installation, its people and its faults, from a seed to a verdict."""

import asyncio
import json
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from bot.cli.loopback_server import LOOPBACK
from bot.jobs.background import in_background
from bot.sandbox.person import SlackClientSide
from bot.store.due_work_kinds import DueWorkKind
from bot.store.tables import DigestRunRow, DueWorkRow
from bot.wiring.clock import utc_now
from tests.chaos.fleet import Fleet
from tests.chaos.injected_faults import InjectedFaults
from tests.chaos.judging import Verdict
from tests.chaos.people import CLEARED, People
from tests.chaos.story import Story
from tests.scenarios.digest_scene import add_digest, ask_for, runs
from tests.scenarios.killed_bot import LISTENER, WORKER, Nursery, open_street
from tests.scenarios.scene import BOSS, Scene
from tests.tcp_relay import DatabaseRelay, HttpRelay

REVOKED = CLEARED[0]
"""Loses the right to hear raw during the run; raw files in their conversations are taken back."""
DIGEST_EVERY_SECONDS = 3.0
LONGEST_END_SECONDS = 240.0


@dataclass(frozen=True)
class Plan:
    """The size of a run."""

    seed: int
    seconds: float
    webs: int = 4
    workers: int = 4
    commands_a_second: float = 2.0


@dataclass(frozen=True)
class Outcome:
    """The result of a run."""

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
    """Run everything, wait for its end, and check the result."""
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
        webs = fleet.add(plan.webs, "web", LISTENER)
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
        faults = InjectedFaults(
            scene, fleet, database, polyai, restart_database, story, random.Random(plan.seed)
        )
        async with in_background(fleet.keep()):
            async with _digests(scene, story), _revoking(people, plan.seconds * 0.6):
                await asyncio.gather(
                    people.live(plan.seconds, plan.commands_a_second),
                    faults.inject_for(plan.seconds),
                )
            faults.end()
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
    """Request a post of a digest now and then."""
    database = scene.database
    digest = await add_digest(database)

    async def ask_on_and_on() -> None:
        while True:
            try:
                local = await ask_for(database, digest)
                # Otherwise it would join the post that was requested before.
                if local in {run.slot_local for run in await runs(database)}:
                    story.digests.add((digest.id, local))
            except Exception as error:  # noqa: BLE001 - the database is being restarted
                story.events.append(f"  no digest was asked for: {type(error).__name__}")
            await asyncio.sleep(DIGEST_EVERY_SECONDS)

    async with in_background(ask_on_and_on()):
        yield


@asynccontextmanager
async def _revoking(people: People, after_seconds: float) -> AsyncIterator[None]:
    """Revoke one listener's right during the run; the command is repeated until it is accepted."""

    async def revoke() -> None:
        await asyncio.sleep(after_seconds)
        if not await people.rule(f"revoke <@{REVOKED}> pii"):
            raise AssertionError(people.story.events)

    revoking = asyncio.create_task(revoke())
    yield
    await revoking


async def _is_over(scene: Scene) -> list[str]:
    """Wait until no work is left; returns the remaining work if it takes too long."""
    database = scene.database
    loop = asyncio.get_running_loop()
    over_at = loop.time() + LONGEST_END_SECONDS
    # Work that is due on a later day, such as the end of retention, is not awaited.
    soon = (
        (DueWorkRow.kind == DueWorkKind.DELIVER)
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


def report_of_findings(outcome: Outcome) -> Iterator[str]:
    """Name each finding, and below it the log lines of all processes about it, oldest first."""
    for finding in outcome.findings:
        yield f"FOUND {finding}"
        yield from (f"    {line}" for line in _about(finding, outcome))


def _about(finding: str, outcome: Outcome) -> list[str]:
    # A finding names a delivery by its id, or its call.
    named = set(re.findall(r"\bd[0-9a-f]{20}\b|\bCA[0-9a-f]{32}\b", finding))
    lines = [
        (told["timestamp"], f"{told['timestamp'][14:23]} {log.name} {told['event']} {line[:230]}")
        for log in outcome.logs
        for line in log.read_text().splitlines()
        if line.startswith("{") and any(each in line for each in named)
        for told in (json.loads(line),)
    ]
    return [line for _, line in sorted(lines)]
