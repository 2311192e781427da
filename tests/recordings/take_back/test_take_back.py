"""The checks of visible raw recordings, and how long an unverified fact is accepted."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from bot.access.grants import Effect
from bot.access.policy import Standing
from bot.access.standings import STANDING_VALID_FOR
from bot.recordings.deliveries.file_check_schedule import FileCheckSchedule
from bot.recordings.deliveries.unsafe_redacted_files import schedule_ordered
from bot.recordings.take_back.take_back import (
    CHECK_EVERY,
    LONGEST_UNVERIFIED,
    UNSEEN_EVERY,
    UNSEEN_TRIES,
)
from bot.store.database import Database
from bot.store.due_work_kinds import DueWorkKind
from bot.store.tables import AuditEventRow, DeliveryRow, DueWorkRow, OrphanedFileRow
from tests.conftest import NOON
from tests.recordings.take_back.visible_files import (
    ALICE,
    BOB,
    CHANNEL,
    GROUP,
    HOUR,
    OTHER,
    TEAM,
    TakeBackSetup,
)

pytestmark = pytest.mark.postgresql_at_length


@pytest.fixture
async def setup(database: Database) -> TakeBackSetup:
    setup = TakeBackSetup(database)
    await setup.clear()
    return setup


@pytest.mark.parametrize("state", ["delivered", "unconfirmed"])
async def test_a_raw_file_that_may_be_visible_is_checked(setup, state):
    await setup.put("d1", state=state)
    assert await setup.check() == {"Fd1"}

    setup.world.channels[CHANNEL].members.add(BOB)
    assert await setup.causes_after(CHECK_EVERY) == ["audience"]


async def test_a_redacted_file_is_not_checked(setup):
    await setup.put("d1", outcome="redacted")
    setup.world.channels[CHANNEL].is_external = True

    assert await setup.check() == {"Fd1"}


@pytest.mark.both_databases
async def test_the_file_of_a_failed_delivery_is_deleted_whoever_may_hear_it(setup):
    setup.due.check_schedule = FileCheckSchedule(keep=HOUR, check_every=CHECK_EVERY)
    await setup.put("d1", state="failed", due=False)
    await setup.early_checks.check_now(TEAM)
    assert await setup.check() == {"Fd1"}, "its file was deleted at its end, as far as is known"

    await setup.deliveries.enqueue_take_back("d1")
    setup.world.away = frozenset({"delete"})
    assert await setup.check() == {"Fd1"}
    setup.world.away = frozenset()
    assert await setup.causes_after(CHECK_EVERY) == ["unfinished"]
    assert await setup.after_seconds() == [CHECK_EVERY.total_seconds()], "since its end"
    assert setup.gateway.taken_back == [], "nobody was ever told of it"


@pytest.mark.parametrize(("private", "cause"), [(False, "public"), (None, "doubt")])
async def test_a_public_channel_is_taken_back_and_a_possibly_public_one_is_unverified(
    setup, private, cause
):
    await setup.put("d1")
    setup.world.channels[CHANNEL].is_private = private

    assert await setup.check() == (set() if private is False else {"Fd1"})
    assert await setup.causes_after(LONGEST_UNVERIFIED) == [cause]


@pytest.mark.both_databases
async def test_one_check_covers_all_files_of_a_conversation(setup):
    await setup.clear(BOB)
    setup.world.channels[CHANNEL].members |= {BOB}
    for number in range(20):
        await setup.put(f"d{number}", user=(ALICE, BOB)[number % 2])

    await setup.check()

    assert asked_in(setup) == ["conversation", "members", *["standing"] * 2]
    setup.world.asked.clear()
    await setup.check(STANDING_VALID_FOR - CHECK_EVERY)
    assert asked_in(setup) == ["conversation", "members"], "who they are is remembered"
    setup.world.asked.clear()
    await setup.check(CHECK_EVERY)
    assert asked_in(setup) == ["conversation", "members", *["standing"] * 2]


def asked_in(setup: TakeBackSetup) -> list[str]:
    """Return the calls to Slack, except those about shares."""
    return [each for each in setup.world.asked if each != "shares"]


NO_MEMBERS = [
    (ALICE, Standing.GUEST, "right_ended"),
    (ALICE, Standing.DEACTIVATED, "right_ended"),
    (ALICE, Standing.EXTERNAL, "right_ended"),
    (BOB, Standing.GUEST, "audience"),
    (BOB, Standing.DEACTIVATED, "audience"),
]


@pytest.mark.parametrize(("person", "standing", "cause"), NO_MEMBERS)
@pytest.mark.parametrize("is_notified", [True, False])
async def test_a_requester_who_left_is_noticed_at_once_with_an_event_and_later_without(
    database, person, standing, cause, is_notified
):
    """Their rights come from a group, so a guest has none."""
    setup = TakeBackSetup(database)
    await setup.clear(GROUP)
    setup.world.channels[CHANNEL].members |= {BOB}
    await setup.put("d1")
    assert await setup.check() == {"Fd1"}

    setup.world.standing[person] = standing
    if is_notified:
        assert await setup.readers.standings.changed(TEAM, person, standing)
        await setup.early_checks.check_now(TEAM)
    else:
        assert await setup.check(STANDING_VALID_FOR - timedelta(seconds=1)) == {"Fd1"}
        setup.now += CHECK_EVERY

    assert await setup.causes_after() == [cause]


async def test_the_file_of_a_guest_with_a_grant_by_name_stays(setup):
    await setup.put("d1")
    await setup.check()
    setup.world.standing[ALICE] = Standing.GUEST
    assert await setup.check(STANDING_VALID_FOR) == {"Fd1"}


async def test_files_of_different_times_are_soon_checked_together(setup):
    for number in range(12):
        await setup.put(f"d{number}")
        await setup.check(timedelta(seconds=5))
    setup.world.asked.clear()

    for _ in range(12 * 3):
        await setup.check(timedelta(seconds=5))

    looks = setup.world.asked.count("conversation")
    assert 3 <= looks <= 4, "once a minute, and once more while they come together"


@pytest.mark.both_databases
async def test_no_fact_is_kept_from_one_check_for_the_next(setup):
    await setup.put("d1")
    assert await setup.check() == {"Fd1"}
    setup.world.channels[CHANNEL].members.add(BOB)
    await setup.early_checks.check_now(TEAM, CHANNEL)

    assert await setup.check() == set()


@pytest.mark.parametrize("told", ["by an event", "by Slack's list"])
@pytest.mark.parametrize(
    ("happens", "where", "cause"),
    [
        pytest.param("joins", OTHER, "forwarded", id="somebody joins there"),
        pytest.param("shared", OTHER, "forwarded", id="that channel is shared"),
        pytest.param("denied", None, "forwarded", id="a listener there is denied"),
        pytest.param("requester", None, "right_ended", id="who asked for it is denied"),
    ],
)
@pytest.mark.both_databases
async def test_a_forwarded_file_is_checked_at_once_when_its_conversation_changes(
    setup, told, happens, where, cause
):
    boss = "U0LISTENER"
    setup.world.standing[boss] = Standing.MEMBER
    await setup.clear(boss)
    setup.world.channels[OTHER].members.add(boss)
    await setup.put("d1")
    await setup.put("d2")
    setup.gateway.visible["Fd1"].elsewhere = (OTHER,)
    if told == "by an event":
        await setup.early_checks.check_file(TEAM, "Fd1", OTHER)
    for _ in range(2):  # Slack is asked about each file in turn
        assert await setup.check(CHECK_EVERY) == {"Fd1", "Fd2"}
    if told == "by an event":
        setup.gateway.visible["Fd1"].elsewhere = ()

    if happens == "joins":
        setup.world.channels[OTHER].members.add(BOB)
    elif happens == "shared":
        setup.world.channels[OTHER].is_external = True
    else:
        await setup.clear(boss if happens == "denied" else ALICE, effect=Effect.DENY)
    setup.now += timedelta(seconds=1)
    await setup.early_checks.check_now(TEAM, where)

    assert await setup.check() == (set() if happens == "requester" else {"Fd2"})
    assert set(await setup.causes()) == {cause}


async def test_a_forwarded_file_is_found_by_the_new_id_of_its_channel(setup):
    moved = "C0MOVED000"
    await setup.put("d1")
    await setup.early_checks.check_file(TEAM, "Fd1", OTHER)
    assert await setup.check() == {"Fd1"}

    setup.world.channels[moved] = setup.world.channels.pop(OTHER)
    await setup.early_checks.follow(TEAM, OTHER, moved)
    assert await setup.check() == {"Fd1"}
    setup.world.channels[moved].members.add(BOB)
    await setup.early_checks.check_now(TEAM, moved)

    assert await setup.causes_after() == ["forwarded"]


async def test_a_hanging_conversation_delays_no_other_and_is_checked_once(setup):
    setup.directory.hangs = CHANNEL
    await setup.put("slow")
    first = asyncio.create_task(setup.work_off())
    await setup.directory.reached.wait()
    await setup.put("urgent", channel=OTHER)
    setup.world.channels[OTHER].members.add(BOB)
    await setup.early_checks.check_now(TEAM)

    assert await setup.check() == {"Fslow"}, "what is not told of one keeps the other from nothing"

    setup.world.channels[CHANNEL].is_external = True
    setup.directory.answers.set()
    await first
    assert await setup.check() == set(), "the event that came meanwhile is not forgotten"
    assert sorted(await setup.causes()) == ["audience", "external"]


async def test_an_unconditional_deletion_does_not_wait_for_a_hanging_conversation(database):
    setup = TakeBackSetup(database, keep=HOUR)
    await setup.clear()
    setup.directory.hangs = CHANNEL
    await setup.put("d1")
    first = asyncio.create_task(setup.work_off())
    await setup.directory.reached.wait()
    await setup.put("d2", outcome="redacted", due=False)
    await setup.ask_deletion("d2")

    assert await setup.check() == {"Fd1"}
    assert await setup.check(HOUR) == set(), "nor does what is over"
    setup.directory.answers.set()
    await first
    assert await setup.causes() == ["time_over"]


@pytest.mark.parametrize("away", ["conversation", "members", "standing"])
async def test_an_unverified_file_stays_for_a_quarter_of_an_hour_only(setup, away):
    await setup.put("d1")
    setup.world.away = frozenset({away})

    await setup.assert_accepted_for_a_quarter_of_an_hour()


@pytest.mark.parametrize(
    ("by_name", "effect", "members"),
    [
        pytest.param((), Effect.GRANT, {ALICE}, id="all rights come from it"),
        pytest.param((ALICE,), Effect.GRANT, {ALICE, BOB}, id="one listener's comes from it"),
        pytest.param((ALICE, BOB), Effect.DENY, {ALICE, BOB}, id="it may deny a right"),
    ],
)
async def test_an_unreadable_group_takes_nothing_back_for_a_quarter_of_an_hour(
    database, by_name, effect, members
):
    setup = TakeBackSetup(database)
    for user_id in by_name:
        await setup.clear(user_id)
    await setup.clear(GROUP, effect)
    setup.world.channels[CHANNEL].members = members
    await setup.put("d1")
    setup.world.away = frozenset({f"group {GROUP}"})

    await setup.assert_accepted_for_a_quarter_of_an_hour()


@pytest.mark.both_databases
async def test_a_readable_group_verifies_or_takes_back(database):
    setup = TakeBackSetup(database)
    await setup.clear(GROUP)
    await setup.put("d1")
    for _ in range(2):
        setup.world.away = frozenset({f"group {GROUP}"})
        assert await setup.check(LONGEST_UNVERIFIED - timedelta(seconds=1)) == {"Fd1"}
        setup.world.away = frozenset()
        assert await setup.check(CHECK_EVERY) == {"Fd1"}
    setup.world.groups[GROUP] = {BOB}

    assert await setup.causes_after(CHECK_EVERY) == ["right_ended"]


async def test_an_answer_in_between_verifies_the_file(setup):
    await setup.put("d1")
    for _ in range(3):
        setup.world.away = frozenset({"members"})
        assert await setup.check(LONGEST_UNVERIFIED - timedelta(seconds=1)) == {"Fd1"}
        setup.world.away = frozenset()
        assert await setup.check(CHECK_EVERY) == {"Fd1"}


@pytest.mark.parametrize(("keep", "left"), [(timedelta(hours=24), set()), (None, {"Fd1"})])
async def test_retention_is_counted_from_the_end_of_the_delivery(database, keep, left):
    setup = TakeBackSetup(database, keep)
    await setup.clear()
    await setup.put("d1")

    assert await setup.check(timedelta(hours=24) - CHECK_EVERY) == {"Fd1"}
    assert await setup.check(CHECK_EVERY) == left
    assert await setup.causes() == ([] if left else ["time_over"])


@pytest.mark.both_databases
async def test_the_delay_is_counted_from_the_event_even_if_slack_refuses_the_deletion(setup):
    await setup.put("d1")
    await setup.check()
    setup.world.channels[CHANNEL].members.add(BOB)
    await setup.early_checks.check_now(TEAM)
    setup.world.away = frozenset({"delete"})
    with capture_logs() as logs:
        assert await setup.check(timedelta(seconds=3)) == {"Fd1"}
        assert await setup.check(CHECK_EVERY) == {"Fd1"}
    setup.world.away = frozenset()
    # An alert sends operators to this line.
    warning = {"event": "take_back_delayed", "delivery_id": "d1", "code": "failed"}
    assert logs == [{**warning, "log_level": "warning"}] * 2

    assert await setup.check(CHECK_EVERY) == set()
    assert await setup.after_seconds() == [3 + 2 * CHECK_EVERY.total_seconds()]


async def test_without_an_event_the_delay_is_counted_from_the_previous_check(setup):
    await setup.put("d1")
    await setup.check()
    setup.world.channels[CHANNEL].members.add(BOB)
    await setup.check(CHECK_EVERY + timedelta(seconds=5))
    assert await setup.after_seconds() == [CHECK_EVERY.total_seconds() + 5]


async def test_the_delay_of_a_deletion_ordered_before_the_end_of_the_delivery_begins_at_its_end(
    setup,
):
    await setup.put("d1", outcome="redacted")
    async with setup.database.write() as session:
        row = await session.get(DeliveryRow, "d1")
        row.taken_back_cause, row.must_go_since = "redaction_differs", NOON - HOUR
        schedule_ordered(session, row, setup.now)
    assert await setup.check(timedelta(seconds=2)) == set()
    assert (await setup.causes(), await setup.after_seconds()) == (["redaction_differs"], [2])


async def test_the_delay_is_not_counted_from_before_the_end_of_the_delivery(setup):
    setup.world.channels[CHANNEL].members.add(BOB)
    await setup.put("d1")
    assert await setup.check(timedelta(seconds=0.26)) == set()
    assert await setup.after_seconds() == [0.3]


async def test_a_retention_shortened_later_ends_for_files_that_are_there_already(database):
    setup = TakeBackSetup(database, keep=None)
    await setup.clear()
    await setup.put("d1")
    setup.due.check_schedule = FileCheckSchedule(keep=HOUR, check_every=CHECK_EVERY)

    assert await setup.check(HOUR - CHECK_EVERY) == {"Fd1"}
    assert await setup.causes_after(CHECK_EVERY) == ["time_over"]


async def test_the_delay_of_retention_is_counted_from_its_end(database):
    setup = TakeBackSetup(database, timedelta(hours=24))
    await setup.clear()
    await setup.put("d1")
    await setup.check(timedelta(hours=24, seconds=7))
    assert (await setup.causes(), await setup.after_seconds()) == (["time_over"], [7])


async def test_the_delay_of_an_unverified_file_is_counted_from_the_end_of_its_grace_time(setup):
    await setup.put("d1")
    setup.world.away = frozenset({"members"})
    await setup.check()
    await setup.check(LONGEST_UNVERIFIED + timedelta(seconds=9))
    assert (await setup.causes(), await setup.after_seconds()) == (["doubt"], [9])


@pytest.mark.both_databases
async def test_a_file_is_taken_back_once(setup):
    await setup.put("d1")
    delivery = await setup.read()
    await setup.put("d2")

    assert await setup.taken_back(delivery, "audience")
    assert not await setup.taken_back(delivery, "audience")
    assert not await setup.files.ask_deletion(delivery, BOB), "it is gone"
    assert await setup.causes() == ["audience"]
    watched = await setup.due.in_conversation(TEAM, CHANNEL)
    assert [each.id for each in watched] == ["d2"], "no other file counts as deleted"


async def test_a_cause_is_stored_once_and_for_its_raw_file_only(setup):
    await setup.put("d1")
    await setup.put("d2")
    await setup.put("d3", outcome="redacted")
    for delivery_id, cause in (("d1", "audience"), ("d1", "public"), ("d3", "audience")):
        # As a worker read it that does not know of the other one.
        delivery = replace(await setup.read(delivery_id), taken_back_cause=None)
        await setup.files.store_cause(delivery, cause, setup.now, again_at=setup.now)

    stored = [(await setup.read(each)).taken_back_cause for each in ("d1", "d2", "d3")]
    assert stored == ["audience", None, None]


async def test_a_deletion_requested_meanwhile_is_the_cause(setup):
    await setup.put("d1")
    delivery = await setup.read()
    assert await setup.files.ask_deletion(delivery, BOB)

    gone = await setup.taken_back(delivery, "audience")
    assert gone
    assert (gone.taken_back_cause, await setup.causes()) == ("asked", [])


@pytest.mark.parametrize("outcome", ["raw", "redacted"])
@pytest.mark.both_databases
async def test_a_requested_deletion_happens_whoever_may_hear_the_file(setup, outcome):
    await setup.put("d1", outcome=outcome, due=False)

    assert await setup.ask_deletion()
    assert not await setup.ask_deletion(by=ALICE), "the first one is named"
    assert await setup.check() == set()

    assert setup.gateway.taken_back == ["asked"]
    assert await setup.causes() == [], "that tag is for what nobody asked for"
    async with setup.database.read() as session:
        rows = list(await session.scalars(select(AuditEventRow).order_by(AuditEventRow.id)))
    files = [
        (row.tag, row.actor_id, row.payload) for row in rows if row.tag.split(":")[1] == "file"
    ]
    asked = {"file_id": "Fd1", "channel_id": CHANNEL}
    deleted = {**asked, "picture_file_id": None, "cause": "asked"}
    assert files == [
        ("slack:file:delete_asked", BOB, asked),
        ("retention:file:deleted", BOB, deleted),
    ]
    assert not await setup.ask_deletion()


@pytest.mark.parametrize("state", ["uploaded", "refused", "failed"])
@pytest.mark.both_databases
async def test_a_missing_file_cannot_be_deleted(setup, state):
    await setup.put("d1", state=state, due=False)
    assert not await setup.ask_deletion()


async def test_a_card_is_updated_by_the_next_worker_if_the_first_ended(setup):
    await setup.put("d1")
    delivery = await setup.read()
    await setup.gateway.delete_file("Fd1")
    assert await setup.taken_back(delivery, "audience")

    await setup.check()
    assert setup.gateway.taken_back == []
    for _ in range(3):
        await setup.check(CHECK_EVERY)
    assert setup.gateway.taken_back == ["audience"]
    assert await setup.causes() == ["audience"]


@pytest.mark.parametrize("cause", ["right_ended", "time_over", "public_link"])
async def test_a_file_that_slack_hides_for_a_day_is_recorded_once_and_then_tried_daily(
    sqlite_store, cause
):
    setup = TakeBackSetup(sqlite_store, keep=HOUR if cause == "time_over" else None)
    await setup.put("d1")
    setup.gateway.visible["Fd1"].is_hidden = True
    if cause == "public_link":
        await setup.clear()
        setup.gateway.visible["Fd1"].has_public_link = True
    assert await setup.check(HOUR) == {"Fd1"}
    async with setup.database.write() as session:
        await session.execute(update(DueWorkRow).values(tries=UNSEEN_TRIES - 1))

    for _ in range(2):
        assert await setup.payloads("out_of_reach") == []
        await setup.check(CHECK_EVERY)
    seen = {"file_id": "Fd1", "channel_id": CHANNEL, "cause": cause}
    assert await setup.payloads("out_of_reach") == [seen]
    setup.world.asked.clear()
    await setup.check(UNSEEN_EVERY - CHECK_EVERY)
    assert setup.world.asked == []
    await setup.check(CHECK_EVERY)
    assert setup.world.asked == ["delete"]
    assert await setup.payloads("out_of_reach") == [seen]
    assert await setup.payloads() == [], "nothing proves that it is gone"

    setup.gateway.visible["Fd1"].is_hidden = False
    assert await setup.causes_after(UNSEEN_EVERY) == [cause]


async def test_a_refused_deletion_at_the_end_of_retention_is_not_repeated_at_once(sqlite_store):
    setup = TakeBackSetup(sqlite_store, keep=HOUR)
    await setup.put("d1")
    setup.now += HOUR
    setup.world.away = frozenset({"delete"})
    (due,) = await setup.work.claim(DueWorkKind.TAKE_BACK, 1, takes_over=False)

    again_at = await setup.take_back.delete_visible(due)

    assert again_at == setup.now + CHECK_EVERY
    assert await setup.work.finish(due, again_at)
    assert await setup.work.claim(DueWorkKind.TAKE_BACK, 1, takes_over=False) == []


@pytest.mark.both_databases
async def test_a_changed_channel_id_is_stored_and_recorded_once(setup):
    await setup.put("d1")
    await setup.put("d2", outcome="redacted")
    await setup.put("d3", state="uploaded")
    await setup.put("d4", state="failed", due=False)
    await setup.deliveries.enqueue_take_back("d4")
    places = {"F0": (TEAM, CHANNEL), "F1": (TEAM, OTHER), "F2": ("T0OTHER000", CHANNEL)}
    async with setup.database.write() as session:
        for file_id, (team_id, channel_id) in places.items():
            place = {"delivery_id": "d1", "team_id": team_id, "channel_id": channel_id}
            session.add(OrphanedFileRow(file_id=file_id, watched_until_at=NOON, **place))

    await asyncio.gather(*(setup.early_checks.follow(TEAM, CHANNEL, "C0NEW") for _ in range(3)))
    await setup.early_checks.follow(TEAM, CHANNEL, "C0NEW")

    rows = await setup.rows()
    async with setup.database.read() as session:
        files = select(OrphanedFileRow.channel_id).order_by(OrphanedFileRow.file_id)
        channels = (await session.scalars(files)).all()
        is_move = AuditEventRow.tag == "slack:channel:moved"
        moves = (await session.scalars(select(AuditEventRow).where(is_move))).all()
    for row in rows:
        assert {row.origin_channel_id, row.asked_channel_id, row.destination_channel_id} == {
            "C0NEW"
        }
    assert channels == ["C0NEW", OTHER, CHANNEL], "the last is of another workspace"
    # The raw one under way is checked when it ends: it may have been decided before the change.
    # The file of the failed one is still to be deleted.
    assert [row.recheck_at for row in rows] == [None, None, NOON, NOON]
    assert [each.payload for each in moves] == [{"from": CHANNEL, "to": "C0NEW"}]
