"""What a decision costs by itself: with one grant in the store, and with a hundred thousand."""

import statistics
import tempfile
import time
from datetime import UTC, datetime

from sqlalchemy import insert

from bot.access.audience import AudienceReader
from bot.access.deciding import Decider, Question
from bot.access.directory import Conversation, MemberPage
from bot.access.policy import Outcome, Standing
from bot.store.database import Database, async_url
from bot.store.schema import upgrade
from bot.store.tables import GrantRow

TEAM, ASKER, CHANNEL = "T0CALLAUDIO", "U0ALICE00", "C0QUALITY0"
GRANTS = 100_000
ROUNDS = 300
NOON = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)


class NearDirectory:
    """Slack, answering at once: what remains is the decision's own work."""

    async def conversation(self, channel_id: str) -> Conversation:
        return Conversation(
            channel_id=channel_id,
            is_external=False,
            is_im=False,
            im_user_id=None,
            is_private=False,
            is_archived=False,
            bot_is_member=True,
            member_count=1,
        )

    async def members(self, channel_id: str, cursor: str | None) -> MemberPage:
        del channel_id, cursor
        return MemberPage((ASKER,), None)

    async def standing(self, user_id: str) -> Standing:
        del user_id
        return Standing.MEMBER


async def run() -> None:
    """Measure both stores in turn."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/callaudio.db"
        upgrade(async_url(url))
        database = Database(url)
        try:
            await fill(database, [ASKER])
            few = await seconds_per_decision(database)
            await fill(database, [f"U0OTHER{number:06d}" for number in range(GRANTS - 1)])
            many = await seconds_per_decision(database)
        finally:
            await database.close()
    print(f"  with 1 grant: {few * 1000:.2f} ms; with {GRANTS:,}: {many * 1000:.2f} ms")
    print(f"  {GRANTS:,} grants / 1 grant: {many / few:.2f}")


async def fill(database: Database, user_ids: list[str]) -> None:
    """Give each of them the right to hear raw."""
    rows = [
        {
            "team_id": TEAM,
            "subject_kind": "user",
            "subject_id": user_id,
            "right": "pii",
            "effect": "grant",
            "given_by": "U0BOSS000",
            "reason": "benchmark",
            "starts_at": NOON,
        }
        for user_id in user_ids
    ]
    async with database.write() as session:
        await session.execute(insert(GrantRow), rows)


async def seconds_per_decision(database: Database) -> float:
    """Decide many times; gives the median."""
    directory = NearDirectory()
    decider = Decider(
        database=database,
        directory=directory,
        audience=AudienceReader(
            database=database, directory=directory, clock=lambda: NOON, max_audience=500
        ),
        clock=lambda: NOON,
        audience_must_be_cleared=True,
        external_channels=frozenset(),
    )
    question = Question(
        team_id=TEAM, user_id=ASKER, channel_id=CHANNEL, asked_redacted=False, has_raw_key=True
    )
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        ruling = await decider.rule(question)
        taken.append(time.perf_counter() - began)
        assert ruling.decision.outcome is Outcome.RAW
    return statistics.median(taken)
