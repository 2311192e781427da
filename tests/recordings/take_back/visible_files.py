"""Visible files in a channel, their due work and a clock, as tests of take-backs arrange them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from bot.access.directory import Conversation
from bot.access.grants import Effect
from bot.access.policy import Standing
from bot.access.policy_evaluation import PolicyEvaluator
from bot.access.rights import Rights
from bot.recordings.deliveries.delivery import Delivery, DeliveryKind
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.deliveries.file_check_schedule import FileCheckSchedule, watch_file
from bot.recordings.deliveries.orphaned_files import OrphanedFiles
from bot.recordings.take_back.due_files import DueFiles
from bot.recordings.take_back.early_file_checks import EarlyFileChecks
from bot.recordings.take_back.redacted_follow_ups import RedactedFollowUps
from bot.recordings.take_back.take_back import CHECK_EVERY, LONGEST_UNVERIFIED, TakeBack
from bot.recordings.take_back.take_back_store import TakeBackStore
from bot.store.database import Database
from bot.store.due_work import Due, DueWork
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue
from bot.store.tables import AuditEventRow, DeliveryRow
from tests.access.builders import give, readers_on
from tests.access.outside import Channel, File, World, WorldDirectory, WorldGroups, WorldPosting
from tests.conftest import NOON
from tests.recordings.deliveries.rows import delivery_row

TEAM, CHANNEL, ALICE, BOB = "T0QUALITY0", "C0QUALITY0", "U0ALICE", "U0BOB"
OTHER = "C0SUPPORT0"
GROUP = "S0QUALITY0"
HOUR = timedelta(hours=1)


class Hanging(WorldDirectory):
    """Does not answer calls about ``hangs`` before ``answers`` is set."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.hangs = ""
        self.reached, self.answers = asyncio.Event(), asyncio.Event()

    async def conversation(self, channel_id: str) -> Conversation:
        if channel_id == self.hangs:
            self.reached.set()
            await self.answers.wait()
        return await super().conversation(channel_id)


class TakeBackSetup:
    """Raw recordings in a channel with one cleared person, and a clock."""

    def __init__(
        self,
        database: Database,
        keep: timedelta | None = None,
        *,
        follows: bool = False,
        audience_must_be_cleared: bool = True,
    ) -> None:
        self.now = NOON
        self.database = database
        self.world = World(
            standing={ALICE: Standing.MEMBER, BOB: Standing.MEMBER},
            channels={CHANNEL: Channel({ALICE}), OTHER: Channel({ALICE})},
            groups={GROUP: {ALICE, BOB}},
        )
        self.gateway = WorldPosting(self.world)
        directory = Hanging(self.world)
        self.directory = directory
        rights = Rights(
            database=database,
            groups=WorldGroups(self.world),
            clock=self.clock,
            first_admins=frozenset(),
        )
        self.readers = readers_on(database, directory, clock=self.clock, rights=rights, most=9)
        self.files = TakeBackStore(database=database, clock=self.clock)
        self.early_checks = EarlyFileChecks(database=database, clock=self.clock)
        self.check_schedule = FileCheckSchedule(keep=keep, check_every=CHECK_EVERY)
        self.due = DueFiles(database=database, clock=self.clock, check_schedule=self.check_schedule)
        self.work = DueWork(database=database, clock=self.clock, lease=CHECK_EVERY)
        self.deliveries = DeliveryStore(database=database, clock=self.clock)
        self.follow_ups = RedactedFollowUps(deliveries=self.deliveries, is_on=follows)
        self.take_back = TakeBack(
            due=self.due,
            files=self.files,
            orphaned_files=OrphanedFiles(database=database, clock=self.clock),
            evaluator=PolicyEvaluator(
                directory=directory,
                clearances=self.readers.clearances,
                audience=self.readers.audience,
                audience_must_be_cleared=audience_must_be_cleared,
                external_channels=frozenset(),
            ),
            slack=self.gateway,
            follow_ups=self.follow_ups,
        )

    def clock(self) -> datetime:
        return self.now

    async def clear(self, subject_id: str = ALICE, effect: Effect = Effect.GRANT) -> None:
        await give(self.database, subject_id, team=TEAM, effect=effect)

    async def put(
        self,
        delivery_id: str,
        channel: str = CHANNEL,
        *,
        state: str = "delivered",
        team: str = TEAM,
        user: str = ALICE,
        outcome: str = "raw",
        kind: DeliveryKind = DeliveryKind.AUDIO,
        due: bool = True,
        late: timedelta = timedelta(0),
        age: timedelta = timedelta(0),
        **columns: object,
    ) -> None:
        """Store a file, whose checks are due since ``late``, or a delivery under way."""
        is_raw, is_under_way = outcome == "raw", state == "uploaded"
        self.gateway.visible[f"F{delivery_id}"] = File(channel, is_raw=is_raw)
        row = delivery_row(
            delivery_id,
            channel,
            team_id=team,
            user_id=user,
            state=state,
            outcome=outcome,
            kind=kind.value,
            parent_ts="1.000000",
            card_ts="1.000000",
            ended_at=self.now - age,
            shares_due_at=self.now - late if due and is_raw and not is_under_way else None,
        )
        async with self.database.write() as session:
            session.add(row)
            if row.shares_due_at:
                since = self.now - late - CHECK_EVERY
                watch_file(session, row, now=since, check_schedule=self.check_schedule)
            elif is_under_way:
                enqueue(session, DueWorkKind.DELIVER, delivery_id, now=self.now)
        if columns:
            await self.change(delivery_id, **columns)

    async def change(self, delivery_id: str, **columns: object) -> None:
        """Change the row of a delivery."""
        async with self.database.write() as session:
            of = update(DeliveryRow).where(DeliveryRow.id == delivery_id)
            await session.execute(of.values(**columns))

    async def read(self, delivery_id: str = "d1") -> Delivery:
        return await self.deliveries.read(delivery_id)

    async def rows(self) -> list[DeliveryRow]:
        async with self.database.read() as session:
            return list(await session.scalars(select(DeliveryRow).order_by(DeliveryRow.id)))

    async def ask_deletion(self, delivery_id: str = "d1", *, by: str = BOB) -> bool:
        """Store that a person wants it deleted; returns whether that was new."""
        return await self.files.ask_deletion(await self.read(delivery_id), by)

    async def claim(self, kind: str = DueWorkKind.CHECK_AUDIENCE, most: int = 1) -> list[str]:
        """Return the keys of the due work of a kind, which a worker then holds."""
        return [each.key for each in await self.work.claim(kind, most, takes_over=False)]

    async def check(self, later: timedelta = timedelta(0)) -> set[str]:
        """Advance the clock and run the checks; returns the visible files."""
        self.now += later
        await self.work_off()
        return set(self.gateway.visible)

    async def causes_after(self, later: timedelta = timedelta(0)) -> list[str]:
        """Check likewise, after which no file is visible; returns why they were taken back."""
        assert await self.check(later) == set()
        return await self.causes()

    async def assert_accepted_for_a_quarter_of_an_hour(
        self, first: timedelta = timedelta(0)
    ) -> None:
        """Check that the unverified file d1 stays for that time, and no longer."""
        assert await self.check(first) == {"Fd1"}
        assert await self.check(LONGEST_UNVERIFIED - timedelta(seconds=1)) == {"Fd1"}
        assert await self.causes_after(CHECK_EVERY) == ["doubt"]

    async def work_off(self) -> None:
        """Run the due work, as a worker does, until none is left."""
        await work_off(self.work, self.take_back)

    async def taken_back(self, delivery: Delivery, cause: str) -> Delivery | None:
        """Store that its files are deleted."""
        update_card_by, then = self.now + CHECK_EVERY, self.follow_ups.store
        return await self.files.taken_back(
            delivery, cause, since=None, update_card_by=update_card_by, then=then
        )

    async def after_seconds(self) -> list[float]:
        """Return the seconds between the causes and the deletions."""
        return [payload["after_seconds"] for payload in await self.payloads()]

    async def causes(self) -> list[str]:
        return [payload["cause"] for payload in await self.payloads()]

    async def payloads(self, action: str = "taken_back") -> list[Any]:
        """Return what the events of take-backs hold; each names its delivery."""
        is_it = AuditEventRow.tag == f"retention:file:{action}"
        async with self.database.read() as session:
            events = (await session.scalars(select(AuditEventRow).where(is_it))).all()
        assert None not in {each.delivery_id for each in events}
        return [each.payload for each in events]


async def work_off(work: DueWork, take_back: TakeBack) -> None:
    """Run the due work on visible files, all kinds in parallel, until none is left."""

    async def run(kind: str, act: Callable[[Due], Awaitable[datetime | None]]) -> int:
        claimed = await work.claim(kind, 20, takes_over=False)

        async def one(due: Due) -> None:
            assert await work.finish(due, await act(due))

        await asyncio.gather(*map(one, claimed))
        return len(claimed)

    kinds = {
        DueWorkKind.CHECK_AUDIENCE: take_back.check_audience,
        DueWorkKind.CHECK_SHARES: take_back.check_shares,
        DueWorkKind.TAKE_BACK: take_back.delete_visible,
    }
    while any(await asyncio.gather(*(run(kind, act) for kind, act in kinds.items()))):
        pass
