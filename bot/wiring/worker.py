"""The worker's half: deliveries, digests, and what is done over and over."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bot.access.access_rounds import AccessRounds
from bot.access.due_requests import DueRequests
from bot.digests.book import DigestBook
from bot.digests.claims import Claims
from bot.home.publishing import HomePublishing
from bot.home.reading import HomeReader
from bot.jobs.background import in_background
from bot.jobs.digest_workflow import DigestWorkflow
from bot.jobs.dispatcher import Dispatcher
from bot.jobs.engine import DELIVERIES, DIGESTS, Engine, Work, run_step
from bot.jobs.running import running_engine
from bot.jobs.scheduler import Scheduler
from bot.jobs.upkeep import PAUSE_SECONDS, attend_access, clean_up, publish_homes, take_back
from bot.jobs.workflow import DeliveryWorkflow
from bot.polyai.calls import CallReader
from bot.polyai.client import PolyAIClient
from bot.recordings.deliver import DeliverySteps
from bot.recordings.destination import Destinations
from bot.recordings.due_files import DueFiles, Rhythm
from bot.recordings.endings import Endings
from bot.recordings.progress import Progress
from bot.recordings.relay import Relay
from bot.recordings.retention import Retention
from bot.recordings.sharing import Sharing
from bot.recordings.transcripts import Transcripts
from bot.recordings.waveform.pictures import Pictures
from bot.slack.access.posting import SlackAccessPosting
from bot.slack.home.posting import SlackHomePosting
from bot.slack.recordings.posting import SlackPosting
from bot.wiring.core import Core
from bot.wiring.digests import DigestOutlets, build_digest_feed, build_digest_workflow
from bot.wiring.pace import Pace

# Bodies moving at a time: each holds a few network buffers.
MAX_RELAYS: Final = 8


@dataclass(frozen=True, slots=True)
class Worker:
    """What a worker runs."""

    workflow: DeliveryWorkflow
    retention: Retention
    access_rounds: AccessRounds
    home_publishing: HomePublishing
    digests: DigestWorkflow


@dataclass(frozen=True, slots=True)
class Wakes:
    """How a process tells its own worker that something was stored."""

    deliveries: Callable[[], None]
    digests: Callable[[], None]


def build_worker(core: Core, pace: Pace, outlets: DigestOutlets) -> Worker:
    """Build what a worker runs; nothing runs yet."""
    posting = SlackPosting(core.api, core.http)
    polyai = PolyAIClient(core.http, clock=core.clock)
    calls = CallReader(polyai, longest_seconds=pace.facts_seconds)
    sharing = Sharing(
        log=core.deliveries, decider=core.decider, posting=posting, patience=pace.patience
    )
    hours = core.settings.callaudio_raw_ttl_hours
    keep_raw = timedelta(hours=hours) if hours else None
    steps = DeliverySteps(
        deliveries=core.deliveries,
        destinations=Destinations(log=core.deliveries, directory=core.directory, posting=posting),
        decider=core.decider,
        relay=Relay(
            polyai=polyai,
            posting=posting,
            metrics=core.metrics,
            max_bytes=core.settings.callaudio_max_recording_mb * 2**20,
            max_concurrent=MAX_RELAYS,
            floor=pace.floor,
        ),
        transcripts=Transcripts(polyai=polyai, posting=posting),
        progress=Progress(deliveries=core.deliveries, posting=posting, pace=pace.progress),
        sharing=sharing,
        posting=posting,
        calls=calls,
        agents=core.agents,
        pictures=Pictures(deliveries=core.deliveries, posting=posting),
    )
    endings = Endings(
        deliveries=core.deliveries,
        sharing=sharing,
        posting=posting,
        calls=calls,
        agents=core.agents,
        metrics=core.metrics,
        keep_raw=keep_raw,
    )
    return Worker(
        workflow=DeliveryWorkflow(
            steps=steps, endings=endings, run_step=run_step, retry=pace.retry
        ),
        retention=Retention(
            due=DueFiles(
                database=core.database,
                clock=core.clock,
                rhythm=Rhythm(keep=keep_raw, look_every=pace.look_every),
            ),
            files=core.raw_files,
            left_files=core.left_files,
            decider=core.decider,
            posting=posting,
        ),
        access_rounds=AccessRounds(
            requests=core.access_requests,
            due=DueRequests(database=core.database, clock=core.clock),
            approvers=core.approvers,
            directory=core.directory,
            posting=SlackAccessPosting(core.api),
            again_after=pace.access_again_after,
        ),
        home_publishing=build_home_publishing(core, pace),
        digests=build_digest_workflow(core, outlets, pace),
    )


def build_home_publishing(core: Core, pace: Pace) -> HomePublishing:
    """Build what looks after App Homes."""
    return HomePublishing(
        homes=core.homes,
        reader=HomeReader(
            database=core.database,
            admission=core.admission,
            rights=core.rights,
            audience_rule=core.settings.callaudio_audience,
            clock=core.clock,
            digests=DigestBook(database=core.database, clock=core.clock),
        ),
        posting=SlackHomePosting(core.api, core.identity),
        look_every=pace.home_look_every,
    )


async def start_worker(
    stack: AsyncExitStack, core: Core, worker: Worker, stopping: asyncio.Event, pace: Pace
) -> tuple[Engine, Wakes]:
    """Start the engine and what runs beside it; gives the ways to wake it, too."""
    works = [Work(DELIVERIES, worker.workflow.run), Work(DIGESTS, worker.digests.run)]
    engine = await stack.enter_async_context(
        running_engine(
            core.database,
            works,
            clock=core.clock,
            on_lost=stopping.set,
            lapse=pace.lapse,
            drain_seconds=pace.drain_seconds,
        )
    )
    dispatcher = Dispatcher(deliveries=core.deliveries, engine=engine)
    await stack.enter_async_context(in_background(dispatcher.run()))
    scheduler = Scheduler()
    await stack.enter_async_context(scheduler.running())
    take_back(scheduler, worker.retention, PAUSE_SECONDS)
    attend_access(scheduler, worker.access_rounds, pace.access_pause_seconds)
    publish_homes(scheduler, worker.home_publishing, pace.home_pause_seconds)
    claims = Claims(database=core.database, clock=core.clock)
    clean_up(scheduler, engine=engine, claims=claims, database=core.database, clock=core.clock)
    feed = build_digest_feed(core, claims, engine, scheduler, pace)
    feed.start(pace.feed_seconds)
    return engine, Wakes(deliveries=dispatcher.wake, digests=feed.wake)
