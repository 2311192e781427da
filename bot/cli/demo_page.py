"""The demo's page, served on loopback only: what it shows of the bot, and what it controls."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import uvicorn
from sqlalchemy.ext.asyncio import AsyncSession

from bot.access.policy import Outcome, Reason
from bot.audit.log import AuditFilter, newest_events
from bot.audit.verify import count_events, heads, verify
from bot.cli.demo_play import Line, perform, typed
from bot.cli.demo_script import ACTS, PAGE_NAMES, about
from bot.cli.demo_worker import WorkerProcess
from bot.cli.loopback_server import serve_on_loopback
from bot.cli.stage import AGENT_ID, Stage
from bot.polyai.payloads import Direction
from bot.recordings.deliveries.delivery import Delivery
from bot.recordings.deliveries.past_deliveries import deliveries_of_message
from bot.recordings.deliveries.take_back_causes import TakeBackCause
from bot.sandbox.delivery import SignedPosts
from bot.sandbox.page.product import AuditLine, ChainCheck, DecisionShown, Rule, Scene
from bot.sandbox.page.scene import World
from bot.sandbox.page.server import SandboxPage
from bot.sandbox.page.traffic import WatchedDelivery
from bot.sandbox.person import SlackPerson
from bot.sandbox.polyai_calls import Recording
from bot.slack.wording import WHY_TAKEN_BACK
from bot.store.sqlite_driver import BEGIN_WRITING

RULES: Final = (
    (
        Reason.REQUESTER_NOT_ALLOWED,
        "callaudio is not for the person who asked",
        "callaudio is for the person who asked",
    ),
    (
        Reason.REQUESTER_NOT_IN_DESTINATION,
        "the person who asked is not in the destination",
        "the person who asked is in the destination",
    ),
    (
        Reason.EXTERNAL_DESTINATION,
        "the destination is shared with another organisation",
        "the destination is not shared with another organisation",
    ),
    (Reason.ASKED, "redacted was asked for", "redacted was not asked for"),
    (Reason.NOT_CLEARED, "the person who asked is not cleared", "the person who asked is cleared"),
    (Reason.NO_RAW_KEY, "no raw key is set up", "a raw key is set up"),
    (
        Reason.AUDIENCE,
        "not everybody who could hear it is known to be cleared",
        "nobody could hear it who is not known to be cleared",
    ),
    (Reason.FACT_UNKNOWN, "Slack did not return a fact", "Slack returned every fact"),
    (
        Reason.CLEARED,
        "everybody who could hear it is cleared",
        "everybody who could hear it is cleared",
    ),
)
"""Each rule's reason, its text if it applies, and its text if it does not."""
TRIGGERS: Final = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
ALTERED: Final = (
    "UPDATE audit_events SET actor_id = 'U0FORGER0' WHERE id = (SELECT max(id) FROM audit_events)"
)
GOT: Final = {
    Outcome.RAW: "The recording is raw",
    Outcome.REDACTED: "The recording is redacted",
    Outcome.REFUSED: "Nothing was posted",
}


@asynccontextmanager
async def open_page(stage: Stage, worker: WorkerProcess, port: int = 0) -> AsyncIterator[str]:
    """Serve the page of a running stage; gives its address. Port 0 picks a free one."""
    workspace = stage.workspace
    posts = SignedPosts(f"{stage.origin}/slack/events", workspace.signing_secret)
    names = replace(PAGE_NAMES, channels=dict(PAGE_NAMES.channels))
    world, product = World(workspace, stage.polyai, names), DemoProduct(stage, worker)
    page = SandboxPage(world, product, WatchedDelivery(posts), stage.slack.faults)
    config = uvicorn.Config(
        page.app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2
    )
    async with serve_on_loopback(config, port) as origin:
        try:
            yield f"{origin}/"
        finally:
            page.close()


class DemoProduct:
    """Reads from a running bot, and controls its worker."""

    def __init__(self, stage: Stage, worker: WorkerProcess) -> None:
        self._stage = stage
        self._application = stage.application
        self._worker = worker

    async def is_cleared(self, user_id: str) -> bool | None:
        """Return whether the person is cleared, by the function that deliveries use."""
        found = await self._application.clearances.recent_or_unknown(
            self._stage.workspace.team_id, user_id
        )
        return found.counts

    async def audit(self, limit: int) -> Sequence[AuditLine]:
        """Read the newest events, oldest first."""
        async with self._application.database.read() as session:
            rows = await newest_events(session, AuditFilter(), limit)
        return [
            AuditLine(
                row.seq,
                row.occurred_at.timestamp(),
                row.tag,
                row.actor_id,
                row.delivery_id,
                row.payload,
                row.hash,
            )
            for row in rows
        ]

    async def verdict(self, channel_id: str, ts: str) -> DecisionShown | None:
        """Find the delivery of a message, and explain its decision."""
        async with self._application.database.read() as session:
            found = await deliveries_of_message(session, channel_id, ts)
        gone = [each for each in found if each.taken_back_cause]
        cause = WHY_TAKEN_BACK[TakeBackCause(str(gone[0].taken_back_cause))] if gone else ""
        return replace(_verdict(found[0]), taken_back=cause) if found else None

    async def found_after_tampering(self) -> Sequence[str]:
        """Alter the newest event past the triggers, verify, and undo it all."""
        engine = self._application.database.engine.execution_options(begin=BEGIN_WRITING)
        async with engine.connect() as connection:  # the bot's writers wait for their turn
            names = await connection.exec_driver_sql(TRIGGERS)
            for name in list(names.scalars()):
                await connection.exec_driver_sql(f"DROP TRIGGER {name}")
            await connection.exec_driver_sql(ALTERED)
            async with AsyncSession(connection) as session:
                found = [each async for each in verify(session)]
            await connection.rollback()
        return [f"event {each.seq}: {each.says}" for each in found if each.seq]

    async def check_chain(self) -> ChainCheck:
        """Verify every chain, and return the head of this workspace's."""
        team_id = self._stage.workspace.team_id
        async with self._application.database.read() as session:
            events = await count_events(session)
            findings = [f"event {each.seq}: {each.says}" async for each in verify(session)]
            (head,) = [each for each in await heads(session) if each.team_id == team_id]
        return ChainCheck(events, f"{head.seq}:{head.hash}", findings)

    async def kill_worker(self) -> None:
        """End it with SIGKILL."""
        await self._worker.kill()

    async def start_worker(self) -> None:
        """Start it again."""
        await self._worker.start()

    async def story(self, people: SlackPerson) -> AsyncIterator[Scene]:
        """Play each act with a call of its own, because a person may repeat it at once."""
        stage = replace(self._stage, people=people)
        names, call = PAGE_NAMES.all(), f"CA{uuid.uuid4().hex}"
        stage.polyai.add_call(call, agent_id=AGENT_ID, recording=Recording.speech())
        for act in ACTS:
            line = await perform(stage, Line(about(act, call)))
            did = "presses the button" if not act.does else f"asks: {typed(act)}"
            yield Scene(
                f"{names[act.user_id]} in #{names[act.channel_id]} {did}",
                f"{line.gets}: {act.teaches}",
                bool(line.is_right),
            )


def _verdict(delivery: Delivery) -> DecisionShown:
    rules, is_decided = [], delivery.reason is None
    said = "Nothing is decided yet."
    for reason, applies, passes in RULES:
        mark, says = ("unasked", applies) if is_decided else ("passed", passes)
        if delivery.outcome and delivery.reason == reason:
            mark, says, is_decided = "applies", applies, True
            said = f"{GOT[delivery.outcome]} because {says}."
        rules.append(Rule(says, mark))
    return DecisionShown(
        delivery_id=delivery.id,
        user_id=delivery.user_id,
        channel_id=delivery.channel_id or "",
        conversation_id=delivery.conversation_id,
        direction=Direction(delivery.direction).value,
        outcome=delivery.outcome,
        state=delivery.state,
        says=said,
        rules=rules,
    )
