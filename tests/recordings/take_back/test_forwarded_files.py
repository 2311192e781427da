"""A forwarded raw file is checked in every conversation and taken back where raw is refused."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from bot.access.directory import Conversation
from bot.access.grants import Effect
from bot.recordings.deliveries.delivery import DeliveryKind
from bot.recordings.deliveries.shares import FileShares
from bot.recordings.deliveries.take_back_causes import TakeBackCause
from bot.recordings.take_back.forwarded_files import ForbiddenShare
from bot.recordings.take_back.take_back import CHECK_EVERY, LONGEST_UNVERIFIED
from bot.slack.web_api.errors import ScopeMissing, SlackCallInvalid, SlackError, SlackTokenRejected
from bot.store.database import Database
from bot.store.due_work import Due
from bot.store.due_work_kinds import DueWorkKind
from bot.store.tables import AuditEventRow
from tests.access.outside import Channel
from tests.conftest import NOON
from tests.polling import until
from tests.recordings.take_back.visible_files import ALICE, BOB, CHANNEL, OTHER, TEAM, TakeBackSetup

pytestmark = pytest.mark.postgresql_at_length

SECOND = timedelta(seconds=1)
UNSEEN = "D0NOBODY00"
UNANSWERED = {"event": "shares_unknown", "delivery_id": "d1", "code": "failed"}


@pytest.fixture
async def setup(database: Database) -> TakeBackSetup:
    setup = TakeBackSetup(database)
    await setup.clear()
    await setup.put("d1")
    return setup


async def passed_on(setup: TakeBackSetup) -> list[tuple[str, str | None, str | None, str]]:
    """Return cause, place, reason and actor of each forwarding event."""
    async with setup.database.read() as session:
        is_it = AuditEventRow.tag == "retention:file:passed_on"
        rows = (await session.scalars(select(AuditEventRow).where(is_it))).all()
        assert {e.payload["file_id"] for e in rows} <= {"Fd1"}
        return [
            (e.payload["cause"], e.payload["channel_id"], e.payload["because"], e.actor_id)
            for e in rows
        ]


def pass_on(setup: TakeBackSetup, *places: str, file_id: str = "Fd1") -> None:
    setup.gateway.visible[file_id].elsewhere = places


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
async def test_a_file_forwarded_to_where_raw_is_refused_is_taken_back(setup, channel, because):
    setup.world.channels.pop(OTHER)
    if channel:
        setup.world.channels[OTHER] = channel
    pass_on(setup, OTHER)

    assert await setup.causes_after(CHECK_EVERY) == ["forwarded"]
    assert await passed_on(setup) == [("forwarded", OTHER, because, "U0ALICE")]
    assert await setup.after_seconds() == [0], "Slack does not say when it was shared there"
    assert setup.gateway.taken_back == ["forwarded"]


async def test_the_delay_of_a_forwarded_file_is_counted_from_when_it_was_shared(setup):
    setup.world.channels[OTHER].members.add(BOB)
    pass_on(setup, OTHER)
    setup.gateway.visible["Fd1"].ts = f"{(NOON + 20 * SECOND).timestamp():.6f}"

    assert await setup.check(CHECK_EVERY) == set()
    assert await setup.after_seconds() == [40]


@pytest.mark.parametrize("error", [ScopeMissing, SlackTokenRejected, SlackError, SlackCallInvalid])
async def test_an_error_that_says_nothing_of_the_conversation_leaves_it_unverified(
    setup, error, monkeypatch
):
    usual = setup.directory.conversation

    async def refuse(channel_id: str) -> Conversation:
        if channel_id == OTHER:
            raise error
        return await usual(channel_id)

    monkeypatch.setattr(setup.directory, "conversation", refuse)
    pass_on(setup, OTHER)

    assert await setup.check(CHECK_EVERY) == {"Fd1"}
    assert await setup.causes_after(LONGEST_UNVERIFIED) == ["doubt"]
    assert await passed_on(setup) == [], "nobody is said to have broken a rule"
    assert setup.gateway.taken_back == ["doubt"]


async def test_a_file_forwarded_to_where_raw_is_allowed_stays_until_that_changes(setup):
    pass_on(setup, OTHER)
    assert await setup.check(CHECK_EVERY) == {"Fd1"}
    assert await setup.check(LONGEST_UNVERIFIED) == {"Fd1"}
    assert await passed_on(setup) == []
    delivery = await setup.read("d1")
    assert delivery.reported_channels == (OTHER,), "its own conversation is checked by itself"

    setup.world.channels[OTHER].members.add(BOB)
    assert await setup.check(CHECK_EVERY) == set()
    assert await passed_on(setup) == [("forwarded", OTHER, "audience", "U0ALICE")]


@pytest.mark.parametrize("person", [ALICE, BOB])
async def test_a_person_in_direct_messages_with_the_bot_must_be_cleared(setup, person):
    setup.world.channels[OTHER] = Channel({person}, is_external=None, im_user_id=person)
    pass_on(setup, OTHER)

    assert await setup.check(CHECK_EVERY) == ({"Fd1"} if person == ALICE else set())
    assert await setup.causes() == ([] if person == ALICE else ["forwarded"])


async def test_a_check_after_an_event_is_not_repeated(setup):
    due = Due(DueWorkKind.CHECK_SHARES, "d1", tries=0, claim="", revision=0, was_held=False)
    assert await setup.take_back.check_shares(due) is None
    assert setup.world.asked.count("shares") == 1


async def test_a_public_link_takes_the_file_back(setup):
    setup.gateway.visible["Fd1"].has_public_link = True

    assert await setup.causes_after(CHECK_EVERY) == ["public_link"]
    assert await passed_on(setup) == [("public_link", None, None, "system")]


@pytest.mark.both_databases
async def test_a_share_known_only_from_an_event_is_checked(setup):
    await setup.check()
    await setup.early_checks.check_file(TEAM, "Fd1", UNSEEN)

    assert await setup.check(SECOND) == set()
    assert await passed_on(setup) == [("forwarded", UNSEEN, "withheld", "system")]
    assert await setup.after_seconds() == [1], "since the event"


@pytest.mark.parametrize(
    ("change", "value"), [("has_public_link", None), ("is_told_whole", False), ("is_found", False)]
)
async def test_unknown_shares_are_accepted_for_a_quarter_of_an_hour(setup, change, value):
    setattr(setup.gateway.visible["Fd1"], change, value)

    await setup.assert_accepted_for_a_quarter_of_an_hour(CHECK_EVERY)


async def test_a_check_of_the_conversation_does_not_verify_the_shares(setup):
    setup.world.away = frozenset({"shares"})
    await setup.check()
    for _ in range(14):
        assert await setup.check(CHECK_EVERY) == {"Fd1"}
    assert await setup.causes_after(CHECK_EVERY) == ["doubt"]


async def test_an_answer_in_between_verifies_the_shares(setup):
    for _ in range(3):
        setup.world.away = frozenset({"shares"})
        with capture_logs() as logs:
            assert await setup.check(LONGEST_UNVERIFIED - SECOND) == {"Fd1"}
        assert logs == [{**UNANSWERED, "log_level": "warning"}]
        setup.world.away = frozenset()
        assert await setup.check(CHECK_EVERY) == {"Fd1"}


async def test_a_refused_deletion_is_retried_even_if_the_share_is_gone(setup):
    setup.gateway.visible["Fd1"].has_public_link = True
    setup.world.away = frozenset({"delete"})
    assert await setup.check(CHECK_EVERY) == {"Fd1"}
    setup.gateway.visible["Fd1"].has_public_link = False
    setup.world.away = frozenset()

    assert await setup.causes_after(CHECK_EVERY) == ["public_link"]
    assert len(await passed_on(setup)) == 1


@pytest.mark.both_databases
async def test_a_deletion_is_recorded_by_the_next_worker_if_the_first_ended(setup):
    setup.gateway.visible["Fd1"].has_public_link = True
    delivery = await setup.due.by_id("d1")
    assert delivery
    places = await setup.take_back._shares.find(delivery)
    assert places
    found = await setup.take_back._shares.check(delivery, places)
    setup.now += SECOND
    assert await setup.files.order_take_back(delivery, found, setup.now)
    assert not await setup.files.order_take_back(delivery, found, setup.now), "once"
    await setup.gateway.delete_file("Fd1")

    await setup.check(2 * SECOND)
    assert await setup.causes() == ["public_link"]
    assert await setup.after_seconds() == [2], "counted from the order"
    assert setup.gateway.taken_back == ["public_link"]


@pytest.mark.both_databases
async def test_a_forwarded_picture_takes_its_recording_back(setup):
    setup.gateway.visible["Fp1"] = setup.gateway.visible["Fd1"].__class__("C0QUALITY0", is_raw=True)
    await setup.change("d1", picture_file_id="Fp1")
    setup.world.channels[OTHER].is_private = False
    pass_on(setup, OTHER, file_id="Fp1")

    assert await setup.causes_after(CHECK_EVERY) == ["forwarded"]


@pytest.mark.parametrize("place", [CHANNEL, OTHER], ids=["where it is", "where it went"])
async def test_under_the_requester_rule_a_transcript_needs_cleared_listeners_and_audio_does_not(
    sqlite_store, place
):
    setup = TakeBackSetup(sqlite_store, audience_must_be_cleared=False)
    await setup.clear()
    for delivery_id, kind in (("d1", DeliveryKind.TRANSCRIPT), ("d2", DeliveryKind.AUDIO)):
        await setup.put(delivery_id, kind=kind)
        pass_on(setup, OTHER, file_id=f"F{delivery_id}")
    for _ in range(2):  # Slack is asked about each file in turn
        assert await setup.check(CHECK_EVERY) == {"Fd1", "Fd2"}
    setup.world.channels[place].members.add(BOB)

    for _ in range(2):
        await setup.check(CHECK_EVERY)
    assert set(setup.gateway.visible) == {"Fd2"}
    assert await setup.causes() == ["audience" if place == CHANNEL else "forwarded"]


async def test_a_file_is_unverified_while_slack_does_not_describe_where_it_was_forwarded_to(setup):
    pass_on(setup, OTHER)
    setup.world.away = frozenset({"conversation"})
    assert await setup.check(CHECK_EVERY) == {"Fd1"}
    assert await setup.check(LONGEST_UNVERIFIED) == set()
    assert (await setup.causes(), await passed_on(setup)) == (["doubt"], [])


async def test_the_requesters_right_counts_in_other_conversations(setup):
    pass_on(setup, OTHER)
    await setup.check()
    await setup.clear(effect=Effect.DENY)
    await setup.early_checks.check_file(TEAM, "Fd1")

    assert await setup.causes_after(SECOND) == ["right_ended"]
    assert await setup.after_seconds() == [1], "since the event"


async def test_a_redacted_file_may_be_forwarded(setup):
    await setup.put("d2", outcome="redacted")
    setup.gateway.visible["Fd2"].has_public_link = True
    await setup.early_checks.check_file(TEAM, "Fd2", UNSEEN)

    for _ in range(3):
        assert await setup.check(CHECK_EVERY) == {"Fd1", "Fd2"}
    delivery = await setup.read("d2")
    link = ForbiddenShare(TakeBackCause.PUBLIC_LINK)
    assert not await setup.files.order_take_back(delivery, link, setup.now)
    assert await passed_on(setup) == []


async def test_a_hanging_check_of_one_file_delays_no_other(setup):
    asked, answers = asyncio.Event(), asyncio.Event()
    tell = setup.gateway.file_shares

    async def hang(file_id: str, shown_in: str | None = None) -> FileShares:
        asked.set()
        await answers.wait()
        return await tell(file_id, shown_in)

    setup.gateway.file_shares = hang
    setup.world.channels["C0QUALITY0"].members.add(BOB)
    setup.now += CHECK_EVERY
    working = asyncio.create_task(setup.work_off())
    await asked.wait()

    await until(lambda: not setup.gateway.visible)
    answers.set()
    await working
    assert await setup.causes() == ["audience"]
