"""How tests of digests prepare the store, and what they check."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select

from bot.digests.digest import Digest, DigestKind, Period
from bot.digests.digest_draft import Draft
from bot.digests.digest_store import DigestStore
from bot.digests.report import CallsReport, Figures, Report
from bot.digests.slot_claims import SlotClaims
from bot.digests.timetable_text import timetable_of
from bot.sandbox.objects import Message
from bot.sandbox.workspace import Workspace
from bot.store.database import Database
from bot.store.tables import DigestRow, DigestRunRow
from bot.wiring.clock import utc_now
from bot.wiring.core import Core
from bot.wiring.digests import DigestOutlets, build_outlets
from tests.polling import until
from tests.scenarios.scene import BOSS, CHANNEL

TEAM = "T0CALLAUDIO"
NEVER_NOW = "0 9 29 2 *"
EVERY_SECOND = "* * * * * *"


async def plain_report(digest: Digest, period: Period) -> Report:
    assert period.since < period.until
    return CallsReport(digest.agent_name, Figures())


def plain_outlets(core: Core) -> DigestOutlets:
    """Report nothing, so that each report is quick; posts are the product's own."""
    return replace(build_outlets(core), reporters=dict.fromkeys(DigestKind, plain_report))


async def add_digest(
    database: Database,
    digest_id: str = "g1",
    timetable: str = NEVER_NOW,
    *,
    team_id: str = TEAM,
    zone: str = "UTC",
    channel_id: str = CHANNEL,
    kind: DigestKind = DigestKind.CALLS,
    clock: Callable[[], datetime] = utc_now,
) -> Digest:
    """Store a digest without the limits for people."""
    store = DigestStore(database=database, clock=clock)
    draft = Draft(digest_id, kind, channel_id, "default", timetable, zone)
    return await store.add(draft, team_id=team_id, owner_id=BOSS, actor_id=BOSS)


async def ask_for(database: Database, digest: Digest, *, seconds_later: int = 0) -> str:
    """Claim a requested post as `run` does; a worker finds the row."""
    slot = timetable_of(digest).slot_on_request(utc_now() + timedelta(seconds=seconds_later))
    await SlotClaims(database=database, clock=utc_now).ask(digest, slot, BOSS)
    return slot.local


async def read_digest(database: Database, digest_id: str = "g1") -> DigestRow:
    async with database.read() as session:
        return await session.get_one(DigestRow, digest_id)


async def runs(database: Database) -> Sequence[DigestRunRow]:
    async with database.read() as session:
        return (await session.scalars(select(DigestRunRow).order_by(DigestRunRow.due_at))).all()


async def ended(database: Database, count: int = 1) -> Sequence[DigestRunRow]:
    """Wait until this number of runs exists and all have ended."""

    async def look() -> Sequence[DigestRunRow] | None:
        found = await runs(database)
        return found if len(found) >= count and all(each.ended_at for each in found) else None

    return await until(look, every_seconds=0.05)


def posts(workspace: Workspace) -> Counter[tuple[str, str]]:
    """Count the posts of every slot, by digest and slot."""
    marks = [m.metadata["event_payload"] for m in digest_messages(workspace)]
    return Counter((mark["digest_id"], mark["slot"]) for mark in marks)


def digest_messages(workspace: Workspace) -> list[Message]:
    every = [m for channel in workspace.channels for m in workspace.messages(channel)]
    return [m for m in every if m.metadata and m.metadata["event_type"] == "callaudio_digest"]
