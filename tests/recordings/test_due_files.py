"""Which files are due: the most urgent first, whole conversations, and each to one worker."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from bot.recordings.due_files import DueFiles, Rhythm
from bot.recordings.raw_files import Doubt, RawFiles
from bot.recordings.record import DeliveryLog
from bot.store.database import Database
from bot.store.tables import DeliveryRow
from tests.conftest import NOON

TEAM, ALICE = "T0QUALITY0", "U0ALICE"
ONE, TWO, THREE = "C0ONE00000", "C0TWO00000", "C0THREE000"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


class Store:
    """Raw files of which it is said when each is due, and a clock."""

    def __init__(self, database: Database, keep: timedelta | None = None) -> None:
        self.now = NOON
        self.database = database
        rhythm = Rhythm(keep=keep, look_every=MINUTE)
        self.due = DueFiles(database=database, clock=self.clock, rhythm=rhythm)
        self.files = RawFiles(database=database, clock=self.clock)

    def clock(self) -> datetime:
        return self.now

    async def put(
        self,
        delivery_id: str,
        channel: str = ONE,
        *,
        late: timedelta = timedelta(0),
        age: timedelta = timedelta(0),
    ) -> None:
        async with self.database.write() as session:
            session.add(
                DeliveryRow(
                    id=delivery_id,
                    team_id=TEAM,
                    user_id=ALICE,
                    source="command",
                    agent_name="default",
                    conversation_id=f"CA{delivery_id}",
                    direction="combined",
                    asked_redacted=False,
                    origin_channel_id=channel,
                    asked_channel_id=channel,
                    requested_at=NOON,
                    state="delivered",
                    destination_channel_id=channel,
                    outcome="raw",
                    reason="cleared",
                    file_id=f"F{delivery_id}",
                    ended_at=self.now - age,
                    recheck_at=self.now - late,
                    shares_due_at=self.now - late,
                )
            )

    async def ask(self) -> str | None:
        """Take the file whose shares are to be asked for, if it is time for one."""
        claimed = await self.due.claim_for_shares()
        return claimed.id if claimed else None

    async def claim(self, *except_in: str) -> set[str]:
        return {each.id for each in await self.due.claim(except_in)}

    async def ask_deletion(self, delivery_id: str) -> None:
        log = DeliveryLog(database=self.database, clock=self.clock)
        assert await self.files.ask_deletion(await log.read(delivery_id), ALICE)


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database)


async def test_a_claim_is_for_a_while_and_a_look_that_never_ended_is_repeated(
    store: Store,
) -> None:
    await store.put("d1")

    assert await store.claim() == {"d1"}
    assert await store.claim() == set()
    store.now += MINUTE
    assert await store.claim() == {"d1"}


async def test_the_longest_due_come_first_with_all_that_is_due_in_their_conversation(
    store: Store,
) -> None:
    await store.put("d1", ONE)
    await store.put("d2", TWO, late=2 * MINUTE)
    await store.put("d3", TWO)

    assert [await store.claim() for _ in range(3)] == [{"d2", "d3"}, {"d1"}, set()]


@pytest.mark.parametrize("late", [timedelta(0), MINUTE, 400 * DAY])
async def test_what_an_event_is_about_comes_before_a_backlog_however_old(
    store: Store, late: timedelta
) -> None:
    for number in range(5):
        await store.put(f"d{number}", f"C0BACKLOG{number}", late=late)
    await store.put("urgent", THREE, late=-MINUTE)
    await store.files.look_now(TEAM, THREE)

    assert await store.claim() == {"urgent"}
    assert len(await store.claim()) == 1


async def test_so_does_what_somebody_asked_to_delete(store: Store) -> None:
    await store.put("d1", ONE, late=DAY)
    await store.put("d2", TWO, late=-MINUTE)
    await store.ask_deletion("d2")

    assert await store.claim() == {"d2"}


async def test_and_what_is_in_a_conversation_that_got_another_id(store: Store) -> None:
    await store.put("d1", ONE, late=DAY)
    await store.put("d2", TWO, late=-MINUTE)
    await store.files.follow(TEAM, TWO, THREE)

    assert await store.claim() == {"d2"}


async def test_of_two_events_the_first_comes_first(store: Store) -> None:
    await store.put("d1", ONE)
    await store.put("d2", TWO)
    await store.files.look_now(TEAM, TWO)
    store.now += timedelta(seconds=1)
    await store.files.look_now(TEAM, ONE)

    assert [await store.claim() for _ in range(2)] == [{"d2"}, {"d1"}]


async def test_what_is_due_within_half_a_round_comes_along_and_what_is_due_later_does_not(
    store: Store,
) -> None:
    await store.put("now", late=timedelta(0))
    await store.put("soon", late=-MINUTE / 2)
    await store.put("later", late=-MINUTE / 2 - timedelta(seconds=1))

    assert await store.claim() == {"now", "soon"}
    store.now += MINUTE
    assert await store.claim() == {"now", "soon", "later"}


async def test_a_conversation_that_is_being_looked_at_is_left_out(store: Store) -> None:
    await store.put("d1", ONE, late=MINUTE)
    await store.put("d2", TWO)

    assert [await store.claim(ONE) for _ in range(2)] == [{"d2"}, set()]
    assert await store.claim() == {"d1"}


async def test_but_not_the_files_there_that_must_go_whoever_hears_them(
    database: Database,
) -> None:
    store = Store(database, keep=DAY)
    for delivery_id in ("asked", "stays"):
        await store.put(delivery_id)
    await store.ask_deletion("asked")

    assert [await store.claim(ONE) for _ in range(2)] == [{"asked"}, set()]
    store.now += DAY
    assert {"stays"} in [await store.claim(ONE) for _ in range(2)], "its time is over"


async def test_the_shares_of_one_file_are_asked_for_at_a_time_and_at_a_pace(store: Store) -> None:
    for number in range(3):
        await store.put(f"d{number}", late=MINUTE)

    pace = store.due.rhythm.shares_every
    asked = []
    for _ in range(3):
        asked += [await store.ask(), await store.ask()]
        store.now += pace
    assert sorted(filter(None, asked)) == ["d0", "d1", "d2"]
    assert asked[1::2] == [None] * 3, "one has just been asked for"
    assert await store.ask() is None, "each once in a round"


async def test_every_file_has_its_turn_within_the_time_that_readme_says_and_the_newest_sooner(
    store: Store,
) -> None:
    count, newest = 60, {f"d{number}" for number in range(5)}
    for number in range(count):
        await store.put(f"d{number}", late=MINUTE, age=timedelta(minutes=number))
    seen_at: dict[str, list[int]] = {}

    for second in range(9 * 60):
        if asked := await store.ask():
            seen_at.setdefault(asked, []).append(second)
        store.now += timedelta(seconds=1)

    assert len(seen_at) == count
    within = {each: max(b - a for a, b in pairwise([0, *at])) for each, at in seen_at.items()}
    assert max(within.values()) <= 60 * count / 15
    assert max(within[each] for each in newest) <= 120
    asks = sum(map(len, seen_at.values()))
    assert 9 * 19 <= asks <= 9 * 21, "twenty a minute"


async def test_a_file_that_an_event_is_about_waits_for_no_pace(store: Store) -> None:
    for number in range(3):
        await store.put(f"d{number}", late=400 * DAY)
    assert await store.ask()
    await store.put("urgent", late=-MINUTE)
    await store.files.look_at_file(TEAM, "Furgent", TWO)

    assert [await store.ask() for _ in range(2)] == ["urgent", None]


@pytest.mark.parametrize(
    ("team", "file_id", "channel"),
    [
        pytest.param(TEAM, "Fother", TWO, id="somebody else's file"),
        pytest.param("T0OTHER000", "Fd1", TWO, id="of another workspace"),
        pytest.param(TEAM, "Fd1", ONE, id="where it is anyway: the bot's own share"),
    ],
)
async def test_an_event_about_another_file_or_the_bot_s_own_share_costs_no_call(
    store: Store, team: str, file_id: str, channel: str
) -> None:
    await store.put("d1", late=-MINUTE)
    await store.files.look_at_file(team, file_id, channel)
    assert await store.ask() is None


async def test_where_events_said_it_was_shared_is_kept_once_and_bounded(store: Store) -> None:
    await store.put("d1")
    for number in range(20):
        for _ in range(2):
            await store.files.look_at_file(TEAM, "Fd1", f"C0PLACE{number:03}")
    claimed = await store.due.claim_for_shares()
    assert claimed
    assert claimed.told_channels == tuple(f"C0PLACE{number:03}" for number in range(11))


async def test_a_file_in_doubt_is_asked_for_before_others_in_the_next_round(store: Store) -> None:
    for number in range(4):
        await store.put(f"d{number}", late=timedelta(minutes=4 - number))
    claimed = await store.due.claim_for_shares()
    assert claimed
    await store.files.doubt(claimed, Doubt.SHARES)
    for number in range(4, 99):
        await store.put(f"d{number}", late=MINUTE)
    store.now += MINUTE

    assert await store.ask() == claimed.id


async def test_two_workers_never_take_the_same_file_at_once(
    migrated_postgresql: Callable[[], str],
) -> None:
    url = migrated_postgresql()
    databases = [Database(url) for _ in range(4)]
    stores = [Store(each) for each in databases]
    for number in range(60):
        await stores[0].put(f"d{number}", f"C0PLACE{number % 7:03}")

    taken: list[str] = []

    async def work(store: Store) -> None:
        while claimed := await store.claim():
            taken.extend(claimed)

    await asyncio.gather(*(work(store) for store in stores))

    assert sorted(taken) == sorted(f"d{number}" for number in range(60))
    for database in databases:
        await database.close()
