"""Which files are checked, and when: by conversation, in turn, and first after an event."""

from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import update

from bot.recordings.deliveries.file_check_schedule import IN_TURN, conversation_key, watch_file
from bot.recordings.deliveries.shares import FileShares, SharedIn
from bot.recordings.take_back.take_back_store import UnverifiedFact
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import LARGEST_CLOCK_SKEW
from bot.store.tables import DeliveryRow, DueWorkRow
from tests.conftest import NOON
from tests.recordings.take_back.visible_files import ALICE, TEAM, TakeBackSetup

ONE, TWO, THREE = "C0ONE00000", "C0TWO00000", "C0THREE000"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


async def ask(store: TakeBackSetup) -> str | None:
    """Run the due check of shares; returns the file that was checked."""
    for due in await store.work.claim(DueWorkKind.CHECK_SHARES, 1, takes_over=False):
        is_in_turn = due.key == IN_TURN
        found = await (store.due.next_in_turn() if is_in_turn else store.due.by_id(due.key))
        await store.work.finish(due, await store.due.next_turn_at() if is_in_turn else None)
        return found.id if found else None
    return None


@pytest.fixture
def store(database: Database) -> TakeBackSetup:
    return TakeBackSetup(database)


def conversations(*channels: str) -> list[str]:
    return [conversation_key(TEAM, each) for each in channels]


async def test_the_files_of_a_conversation_are_checked_together(store):
    await store.put("d1", ONE)
    await store.put("d2", TWO, late=2 * MINUTE)
    await store.put("d3", TWO)
    await store.put("asked", TWO)
    await store.ask_deletion("asked")

    assert await store.claim(most=9) == conversations(TWO, ONE), "the longest due first"
    await store.put("other", TWO, team="T0OTHER000")
    found = await store.due.in_conversation(TEAM, TWO)
    assert sorted(each.id for each in found) == ["d2", "d3"]


async def test_a_new_file_does_not_postpone_the_check_of_its_conversation(store):
    await store.put("d1", ONE)
    await store.put("d2", ONE, late=-MINUTE)

    assert await store.claim() == conversations(ONE)


@pytest.mark.parametrize("late", [timedelta(0), MINUTE, 400 * DAY])
async def test_a_check_after_an_event_precedes_any_backlog(store, late):
    for number in range(5):
        await store.put(f"d{number}", f"C0BACKLOG{number}", late=late)
    await store.put("urgent", THREE, late=-MINUTE)
    await store.early_checks.check_file(TEAM, "Furgent", TWO)
    assert await ask(store) == "urgent"
    for channel in (THREE, TWO):
        await store.early_checks.check_now(TEAM, channel)

    assert await store.claim() == conversations(THREE)
    assert await store.claim(DueWorkKind.CHECK_SHARES) == ["urgent"], (
        "it was forwarded to the other"
    )


async def test_a_requested_deletion_precedes_any_backlog(database):
    store = TakeBackSetup(database, keep=timedelta(0))
    await store.put("d1", ONE, late=DAY)
    await store.put("d2", TWO)
    await store.ask_deletion("d2")

    assert await store.claim(DueWorkKind.TAKE_BACK) == ["d2"]


async def test_a_check_after_a_changed_channel_id_precedes_any_backlog(store):
    await store.put("d1", ONE, late=DAY)
    await store.put("d2", TWO, late=-MINUTE)
    await store.put("d3", ONE, late=-MINUTE)
    await store.early_checks.check_file(TEAM, "Fd3", TWO)
    assert await ask(store) == "d3"
    await store.early_checks.follow(TEAM, TWO, THREE)

    assert await store.claim() == conversations(THREE)
    assert await store.claim(DueWorkKind.CHECK_SHARES) == ["d3"], "it was forwarded there"


async def test_a_changed_channel_id_moves_its_own_files_and_the_places_of_forwarded_ones(store):
    moved = "C0MOVED000"
    await store.put("d1", ONE, late=-MINUTE)
    await store.put("d2", TWO, late=-MINUTE)
    await store.put("d3", TWO, late=-MINUTE)
    await store.put("d4", TWO, late=-MINUTE)
    await store.put("d5", ONE, late=-MINUTE, team="T0OTHER000")
    for delivery_id, place in (("d2", ONE), ("d2", THREE), ("d3", THREE), ("d4", ONE)):
        await store.early_checks.check_file(TEAM, f"F{delivery_id}", place)
    assert sorted([await ask(store) for _ in range(3)]) == ["d2", "d3", "d4"]

    await store.early_checks.follow(TEAM, ONE, moved)
    await store.early_checks.follow(TEAM, "C0EMPTY000", "C0EMPTY001")

    rows = await store.rows()
    assert {row.id: (row.destination_channel_id, row.reported_channels) for row in rows} == {
        "d1": (moved, None),
        "d2": (TWO, [moved, THREE]),
        "d3": (TWO, [THREE]),
        "d4": (TWO, [moved]),
        "d5": (ONE, None),
    }
    assert await store.claim(most=9) == conversations(moved)
    assert sorted(await store.claim(DueWorkKind.CHECK_SHARES, most=9)) == ["d2", "d4"]


async def test_the_earlier_of_two_events_is_handled_first(store):
    await store.put("d1", ONE)
    await store.put("d2", TWO)
    await store.early_checks.check_now(TEAM, TWO)
    store.now += timedelta(seconds=1)
    await store.early_checks.check_now(TEAM, ONE)

    assert await store.claim(most=2) == conversations(TWO, ONE)


@pytest.mark.parametrize(
    ("channel", "looked_at", "conversations_looked_at"),
    [
        pytest.param(THREE, ["d1"], [], id="where one was passed on to"),
        pytest.param(ONE, [], [ONE], id="where another was delivered"),
        pytest.param("C0THREE", [], [], id="where nothing is"),
        pytest.param("C0THREE_00", [], [], id="an id that is no pattern"),
        pytest.param(None, ["d1"], [ONE, TWO], id="the workspace"),
    ],
)
@pytest.mark.both_databases
async def test_an_event_checks_only_the_files_in_its_conversation(
    store, channel, looked_at, conversations_looked_at
):
    await store.put("d1", TWO, late=-DAY)
    await store.put("d2", ONE, late=-DAY)
    await store.put("other", "C0OTHER000", late=-DAY, team="T0OTHER000")
    for delivery_id, columns in (
        ("deleted", {"taken_back_at": NOON}),
        ("redacted", {"outcome": "redacted", "delete_asked_by": ALICE}),
    ):
        await store.put(delivery_id, "C0DONE0000", late=-DAY, reported_channels=[THREE], **columns)
    await store.early_checks.check_file(TEAM, "Fd1", THREE)
    assert await ask(store) == "d1"

    await store.early_checks.check_now(TEAM, channel)

    assert await store.claim(DueWorkKind.CHECK_SHARES, most=9) == looked_at
    assert sorted(await store.claim(most=9)) == conversations(*conversations_looked_at)


@pytest.mark.parametrize("channel", [ONE, None], ids=["the conversation", "the workspace"])
async def test_an_event_during_a_delivery_schedules_the_check_at_its_end(store, channel):
    """Its last decision may be older than the event."""
    await store.put("d1", ONE, state="uploaded")
    await store.put("d2", TWO, state="uploaded")
    await store.early_checks.check_now(TEAM, channel)
    assert await store.claim() == [], "nothing is there yet"

    for delivery_id in ("d1", "d2"):
        async with store.database.write() as session:
            row = await session.get(DeliveryRow, delivery_id)
            assert row
            watch_file(session, row, now=store.now, check_schedule=store.check_schedule)

    due = await store.claim(most=9)  # both are due at the same time, so in no order
    assert sorted(due) == conversations(*([ONE] if channel else [ONE, TWO]))


async def test_an_event_marks_only_raw_deliveries_under_way_in_its_conversation(store):
    await store.put("raw", ONE, state="uploaded")
    await store.put("redacted", ONE, state="uploaded", outcome="redacted")
    await store.put("ended", ONE, state="uploaded")
    await store.change("ended", state="failed")  # its due work is removed a moment later
    await store.put("other", ONE, state="uploaded", team="T0OTHER000")

    await store.early_checks.check_now(TEAM, ONE)

    assert [row.id for row in await store.rows() if row.recheck_at] == ["raw"]
    assert await store.due.to_delete("raw") is None, "it is not there yet"


async def test_retention_ends_on_time_whatever_else_hangs(database):
    store = TakeBackSetup(database, keep=DAY)
    await store.put("d1", late=-MINUTE)

    store.now += DAY - timedelta(seconds=1)
    assert await store.claim(DueWorkKind.TAKE_BACK) == []
    store.now += timedelta(seconds=1)
    assert await store.claim(DueWorkKind.TAKE_BACK) == ["d1"]


async def test_shares_are_checked_one_file_at_a_time_at_a_limited_rate(store):
    for number in range(3):
        await store.put(f"d{number}", late=MINUTE)

    pace = store.check_schedule.shares_every
    asked = []
    for _ in range(3):
        asked += [await ask(store), await ask(store)]
        store.now += pace
    assert sorted(filter(None, asked)) == ["d0", "d1", "d2"]
    assert asked[1::2] == [None] * 3, "one has just been asked for"
    assert await ask(store) is None, "each once in a round"


@pytest.mark.postgresql_at_length
async def test_each_fourth_check_is_of_the_newest_file_that_is_due(store):
    for number in range(9):
        since = (8 - number) * MINUTE
        await store.put(f"d{number}", late=since, age=since)
    await store.put("later", late=-MINUTE - LARGEST_CLOCK_SKEW, age=-MINUTE)
    await store.put("ordered", late=DAY, taken_back_cause="audience")

    found = [await store.due.next_in_turn() for _ in range(10)]

    assert " ".join(each.id for each in found if each) == "d0 d1 d2 d8 d3 d4 d5 d7 d6"
    assert await store.due.by_id("ordered") is None, "it is deleted in any case"


@pytest.mark.postgresql_at_length
@pytest.mark.parametrize(
    ("count", "minutes"), [(36, 6), pytest.param(60, 9, marks=pytest.mark.long)]
)
async def test_every_file_is_checked_within_the_documented_time_and_the_newest_sooner(
    store, count, minutes
):
    newest = {f"d{number}" for number in range(5)}
    for number in range(count):
        await store.put(f"d{number}", late=MINUTE, age=timedelta(minutes=number))
    seen_at: dict[str, list[int]] = {}

    for second in range(minutes * 60):
        if asked := await ask(store):
            seen_at.setdefault(asked, []).append(second)
        store.now += timedelta(seconds=1)

    assert len(seen_at) == count
    within = {each: max(b - a for a, b in pairwise([0, *at])) for each, at in seen_at.items()}
    assert max(within.values()) <= 60 * count / 15
    assert max(within[each] for each in newest) <= 120
    asks = sum(map(len, seen_at.values()))
    assert minutes * 19 <= asks <= minutes * 21, "twenty a minute"


async def test_a_check_after_an_event_ignores_the_rate_limit(store):
    for number in range(3):
        await store.put(f"d{number}", late=400 * DAY)
    assert await ask(store)
    await store.put("urgent", late=-MINUTE)
    await store.early_checks.check_file(TEAM, "Furgent", TWO)

    assert [await ask(store) for _ in range(2)] == ["urgent", None]


@pytest.mark.parametrize(
    ("team", "file_id", "channel"),
    [
        pytest.param(TEAM, "Fother", TWO, id="somebody else's file"),
        pytest.param("T0OTHER000", "Fd1", TWO, id="of another workspace"),
        pytest.param(TEAM, "Fd1", ONE, id="where it is anyway: the bot's own share"),
        pytest.param(TEAM, "Fgone", TWO, id="already deleted"),
        pytest.param(TEAM, "Fredacted", TWO, id="redacted"),
        pytest.param(TEAM, "Fasked", TWO, id="redacted, and about to be deleted"),
    ],
)
async def test_an_event_about_another_file_or_the_bots_own_share_costs_no_call(
    store, team, file_id, channel
):
    for delivery_id, columns in (
        ("d1", {}),
        ("gone", {"taken_back_at": NOON}),
        ("redacted", {"outcome": "redacted"}),
        ("asked", {"outcome": "redacted", "delete_asked_by": ALICE}),
    ):
        await store.put(delivery_id, ONE, late=-MINUTE, **columns)
    await store.early_checks.check_file(team, file_id, channel)
    assert await store.claim(DueWorkKind.CHECK_SHARES) == []


@pytest.mark.postgresql_at_length
@pytest.mark.parametrize("file_id", ["Fd1", "F0PICTURE0"], ids=["the recording", "its picture"])
@pytest.mark.parametrize("state", ["delivered", "uploaded"])
async def test_an_event_about_a_recording_or_its_picture_has_it_checked(store, file_id, state):
    await store.put("d1", late=-MINUTE, state=state, picture_file_id="F0PICTURE0")
    await store.early_checks.check_file(TEAM, file_id, TWO)

    assert await ask(store) == ("d1" if state == "delivered" else None)
    (row,) = await store.rows()
    assert row.reported_channels == [TWO]
    assert row.recheck_at == (None if state == "delivered" else NOON), "checked when it ends"


@pytest.mark.postgresql_at_length
async def test_reported_channels_are_kept_once_and_bounded(store):
    await store.put("d1")
    for number in range(20):
        for _ in range(2):
            await store.early_checks.check_file(TEAM, "Fd1", f"C0PLACE{number:03}")
    for _ in range(2):
        claimed = await store.due.by_id("d1")
        assert claimed
        assert claimed.reported_channels == tuple(f"C0PLACE{number:03}" for number in range(11))
        await store.files.note_places(claimed, FileShares((SharedIn("C0PLACE000"), SharedIn(TWO))))


@pytest.mark.postgresql_at_length
async def test_an_unverified_file_is_checked_first_in_the_next_round(store):
    for number in range(4):
        await store.put(f"d{number}", late=timedelta(minutes=4 - number))
    claimed = await store.due.next_in_turn()
    assert claimed
    await store.files.mark_unverified(claimed, UnverifiedFact.SHARES)
    for number in range(4, 99):
        await store.put(f"d{number}", late=MINUTE)
    store.now += MINUTE

    assert await ask(store) == claimed.id


async def test_shares_that_a_fast_clock_postponed_are_checked_in_turn(store):
    await store.put("d1", late=-DAY)

    found = await store.due.next_in_turn()

    assert (found.id if found else None) == "d1"
    await store.put("d2", late=-DAY)
    assert await store.due.next_turn_at() == NOON + MINUTE, "and the next turn is not postponed"


@pytest.mark.parametrize("changes", [{}, {"share_tried_at": NOON}, {"waiting_since": NOON}])
@pytest.mark.parametrize("place", [ONE, TWO])
async def test_an_event_hastens_the_retry_of_a_raw_file_that_may_be_visible(store, changes, place):
    may_be_seen = {"share_tried_at": NOON, "waiting_since": NOON}
    await store.put("d1", ONE, state="uploaded", **may_be_seen)
    await store.put("d2", ONE, state="uploaded", **changes)
    async with store.database.write() as session:
        later = update(DueWorkRow).where(DueWorkRow.kind == "deliver")
        await session.execute(later.values(due_at=NOON + 10 * MINUTE))

    await store.early_checks.check_now(TEAM, place)

    assert await store.claim("deliver", most=9) == (["d1"] if place == ONE else [])
