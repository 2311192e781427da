"""A forwarded raw file is checked in every conversation and taken back where raw is refused."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.access.grants import Effect
from bot.recordings.deliveries.shares import FileShares
from bot.recordings.take_back.take_back import CHECK_EVERY, LONGEST_UNVERIFIED
from bot.store.database import Database
from bot.store.tables import AuditEventRow, DeliveryRow
from tests.access.outside import Channel
from tests.patience import until
from tests.recordings.take_back.test_take_back import ALICE, BOB, OTHER, TEAM, Shelf

pytestmark = pytest.mark.postgresql_at_length

SECOND = timedelta(seconds=1)
UNSEEN = "D0NOBODY00"


@pytest.fixture
async def shelf(database: Database) -> Shelf:
    shelf = Shelf(database)
    await shelf.clear()
    await shelf.put("d1")
    return shelf


async def passed_on(shelf: Shelf) -> list[tuple[str, str | None, str | None, str]]:
    """The cause, the place, the reason and the actor of each such event."""
    async with shelf.database.read() as session:
        is_it = AuditEventRow.tag == "retention:file:passed_on"
        rows = await session.scalars(select(AuditEventRow).where(is_it))
        return [
            (e.payload["cause"], e.payload["channel_id"], e.payload["because"], e.actor_id)
            for e in rows
        ]


def pass_on(shelf: Shelf, *places: str, file_id: str = "Fd1") -> None:
    shelf.gateway.visible[file_id].elsewhere = places


@pytest.mark.parametrize(
    ("channel", "because"),
    [
        pytest.param(Channel({ALICE}, is_private=False), "public", id="a public channel"),
        pytest.param(Channel({ALICE}, is_external=True), "external", id="one with outsiders"),
        pytest.param(Channel({ALICE, BOB}), "audience", id="one with somebody not cleared"),
        pytest.param(
            Channel({f"U0MANY{n}" for n in range(11)}), "audience", id="one that is too large"
        ),
        pytest.param(None, "withheld", id="one that the bot cannot see"),
    ],
)
async def test_a_file_forwarded_to_where_raw_is_refused_is_taken_back(
    shelf: Shelf, channel: Channel | None, because: str
) -> None:
    shelf.world.channels.pop(OTHER)
    if channel:
        shelf.world.channels[OTHER] = channel
    pass_on(shelf, OTHER)

    assert await shelf.check(CHECK_EVERY) == set()
    assert await shelf.causes() == ["forwarded"]
    assert await passed_on(shelf) == [("forwarded", OTHER, because, "U0ALICE")]
    assert shelf.gateway.taken_back == ["forwarded"]


async def test_a_file_forwarded_to_where_raw_is_allowed_stays_until_that_changes(
    shelf: Shelf,
) -> None:
    pass_on(shelf, OTHER)
    assert await shelf.check(CHECK_EVERY) == {"Fd1"}
    assert await shelf.check(LONGEST_UNVERIFIED) == {"Fd1"}
    assert await passed_on(shelf) == []

    shelf.world.channels[OTHER].members.add(BOB)
    assert await shelf.check(CHECK_EVERY) == set()
    assert await passed_on(shelf) == [("forwarded", OTHER, "audience", "U0ALICE")]


@pytest.mark.parametrize("person", [ALICE, BOB])
async def test_a_person_in_direct_messages_with_the_bot_must_be_cleared(
    shelf: Shelf, person: str
) -> None:
    shelf.world.channels[OTHER] = Channel({person}, is_external=None, im_user_id=person)
    pass_on(shelf, OTHER)

    assert await shelf.check(CHECK_EVERY) == ({"Fd1"} if person == ALICE else set())
    assert await shelf.causes() == ([] if person == ALICE else ["forwarded"])


async def test_a_public_link_takes_it_back(shelf: Shelf) -> None:
    shelf.gateway.visible["Fd1"].has_public_link = True

    assert await shelf.check(CHECK_EVERY) == set()
    assert await shelf.causes() == ["public_link"]
    assert await passed_on(shelf) == [("public_link", None, None, "system")]


@pytest.mark.both_databases
async def test_a_share_known_only_from_an_event_is_checked(shelf: Shelf) -> None:
    await shelf.check()
    await shelf.early_checks.check_file(TEAM, "Fd1", UNSEEN)

    assert await shelf.check(SECOND) == set()
    assert await passed_on(shelf) == [("forwarded", UNSEEN, "withheld", "system")]


@pytest.mark.parametrize(
    ("change", "value"),
    [("has_public_link", None), ("is_told_whole", False), ("is_found", False)],
)
async def test_unknown_shares_are_accepted_for_a_quarter_of_an_hour(
    shelf: Shelf, change: str, value: bool | None
) -> None:
    setattr(shelf.gateway.visible["Fd1"], change, value)

    assert await shelf.check(CHECK_EVERY) == {"Fd1"}
    assert await shelf.check(LONGEST_UNVERIFIED - SECOND) == {"Fd1"}
    assert await shelf.check(CHECK_EVERY) == set()
    assert await shelf.causes() == ["doubt"]


async def test_a_check_of_the_conversation_does_not_verify_the_shares(
    shelf: Shelf,
) -> None:
    shelf.world.away = frozenset({"shares"})
    await shelf.check()
    for _ in range(14):
        assert await shelf.check(CHECK_EVERY) == {"Fd1"}
    assert await shelf.check(CHECK_EVERY) == set()
    assert await shelf.causes() == ["doubt"]


async def test_an_answer_in_between_verifies_the_shares(shelf: Shelf) -> None:
    for _ in range(3):
        shelf.world.away = frozenset({"shares"})
        assert await shelf.check(LONGEST_UNVERIFIED - SECOND) == {"Fd1"}
        shelf.world.away = frozenset()
        assert await shelf.check(CHECK_EVERY) == {"Fd1"}


async def test_a_refused_deletion_is_retried_even_if_the_share_is_gone(
    shelf: Shelf,
) -> None:
    shelf.gateway.visible["Fd1"].has_public_link = True
    shelf.world.away = frozenset({"delete"})
    assert await shelf.check(CHECK_EVERY) == {"Fd1"}
    shelf.gateway.visible["Fd1"].has_public_link = False
    shelf.world.away = frozenset()

    assert await shelf.check(CHECK_EVERY) == set()
    assert await shelf.causes() == ["public_link"]
    assert len(await passed_on(shelf)) == 1


@pytest.mark.both_databases
async def test_a_deletion_is_recorded_by_the_next_worker_if_the_first_ended(
    shelf: Shelf,
) -> None:
    shelf.gateway.visible["Fd1"].has_public_link = True
    delivery = await shelf.due.one("d1")
    assert delivery
    places = await shelf.take_back._shares.find(delivery)
    assert places
    found = await shelf.take_back._shares.judge(delivery, places)
    assert await shelf.files.order_take_back(delivery, found, shelf.now)
    assert not await shelf.files.order_take_back(delivery, found, shelf.now), "once"
    await shelf.gateway.delete_file("Fd1")

    await shelf.check()
    assert await shelf.causes() == ["public_link"]
    assert shelf.gateway.taken_back == ["public_link"]


@pytest.mark.both_databases
async def test_a_forwarded_picture_takes_its_recording_back(shelf: Shelf) -> None:
    shelf.gateway.visible["Fp1"] = shelf.gateway.visible["Fd1"].__class__("C0QUALITY0", is_raw=True)
    async with shelf.database.write() as session:
        row = await session.get(DeliveryRow, "d1")
        assert row
        row.picture_file_id = "Fp1"
    shelf.world.channels[OTHER].is_private = False
    pass_on(shelf, OTHER, file_id="Fp1")

    assert await shelf.check(CHECK_EVERY) == set()
    assert await shelf.causes() == ["forwarded"]


async def test_the_requesters_right_counts_in_other_conversations(shelf: Shelf) -> None:
    pass_on(shelf, OTHER)
    await shelf.check()
    await shelf.clear(effect=Effect.DENY)
    await shelf.early_checks.check_file(TEAM, "Fd1")

    assert await shelf.check(SECOND) == set()
    assert await shelf.causes() == ["right_ended"]


async def test_a_redacted_file_may_be_forwarded(shelf: Shelf) -> None:
    await shelf.put("d2", outcome="redacted")
    shelf.gateway.visible["Fd2"].has_public_link = True
    await shelf.early_checks.check_file(TEAM, "Fd2", UNSEEN)

    for _ in range(3):
        assert await shelf.check(CHECK_EVERY) == {"Fd1", "Fd2"}


async def test_a_hanging_check_of_one_file_delays_no_other(shelf: Shelf) -> None:
    asked, answers = asyncio.Event(), asyncio.Event()
    tell = shelf.gateway.file_shares

    async def hang(file_id: str, shown_in: str | None = None) -> FileShares:
        asked.set()
        await answers.wait()
        return await tell(file_id, shown_in)

    shelf.gateway.file_shares = hang  # type: ignore[method-assign]
    shelf.world.channels["C0QUALITY0"].members.add(BOB)
    shelf.now += CHECK_EVERY
    working = asyncio.create_task(shelf.work_off())
    await asked.wait()

    await until(lambda: not shelf.gateway.visible)
    answers.set()
    await working
    assert await shelf.causes() == ["audience"]
