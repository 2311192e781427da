"""Requesters are notified of the end until Slack accepts the note, and not twice."""

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from bot.audit.log import AuditFilter, all_events
from bot.errors import CallAudioError
from bot.polyai.agents import Agent
from bot.polyai.payloads import CallFacts
from bot.recordings.deliveries.delivery import Delivery, Problem, State
from bot.recordings.deliveries.delivery_rows import delivery_of
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.deliveries.naming import announcement_of
from bot.recordings.deliveries.slack_port import (
    Announcement,
    Delivered,
    PrivateNote,
    PrivateNoteKind,
    TakenBack,
)
from bot.recordings.steps.notification import FIRST_WAIT, LONGEST_WAIT, NOTIFY_FOR, Notification
from bot.store.database import Database
from tests.conftest import NOON
from tests.recordings.deliveries.rows import delivery_row, stored_delivery
from tests.recordings.references.test_agents import AGENTS
from tests.recordings.requests.builders import changed_request
from tests.recordings.requests.test_request_store import ALICE, CALL, CHANNEL, REQUEST

pytestmark = pytest.mark.postgresql_at_length

TEAM = REQUEST.requester.actor.team_id
DAY = timedelta(days=1)
GONE = Problem("recording_gone", "It was deleted.", "It is old.", "Ask for later ones.")


class Away(CallAudioError):
    code = "slack_unreachable"
    what = "Slack cannot be reached."
    retryable = True


class Refused(CallAudioError):
    code = "slack_person_unknown"


@dataclass
class SlackPort:
    """Accepts notes and cards, unless it has errors to raise."""

    tell_errors: list[CallAudioError] = field(default_factory=list)
    card_errors: list[CallAudioError] = field(default_factory=list)
    notes: list[PrivateNote] = field(default_factory=list)
    cards: list[str] = field(default_factory=list)
    shown: list[tuple[str, Delivered | TakenBack]] = field(default_factory=list)
    waiting: list[tuple[str, Announcement, str]] = field(default_factory=list)
    withdrawn: list[tuple[str, str]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    async def notify(self, note: PrivateNote) -> None:
        if self.tell_errors:
            raise self.tell_errors.pop(0)
        self.notes.append(note)

    async def withdraw(self, channel_id: str, ts: str) -> None:
        self._put("withdrawn")
        self.withdrawn.append((channel_id, ts))

    async def show_delivered(self, ts: str, delivered: Delivered) -> None:
        self._put("delivered")
        self.shown.append((ts, delivered))

    async def show_taken_back(self, ts: str, taken_back: TakenBack) -> None:
        self._put("taken back")
        self.shown.append((ts, taken_back))

    async def delete_file(self, file_id: str, shown_in: str | None = None) -> None:
        assert shown_in is None, "a refusal is repeated by the take-back, which names it"
        self.deleted.append(file_id)

    async def show_waiting(self, ts: str, announcement: Announcement, what: str) -> None:
        self._put("waiting")
        self.waiting.append((ts, announcement, what))

    def _put(self, card: str) -> None:
        if self.card_errors:
            raise self.card_errors.pop(0)
        self.cards.append(card)


class Calls:
    """Knows the facts of every call."""

    async def known(self, agent: Agent, conversation_id: str) -> CallFacts:
        assert agent is AGENTS["default"]
        return CallFacts(conversation_id)


class NotificationSetup:
    """One delivery and a settable clock."""

    def __init__(
        self,
        database: Database,
        *,
        keep_raw: timedelta | None = DAY,
        audience_must_be_cleared: bool = True,
    ) -> None:
        self.database = database
        self.now = NOON
        self.gateway = SlackPort()
        self.deliveries = DeliveryStore(database=database, clock=lambda: self.now)
        self.telling = Notification(
            deliveries=self.deliveries,
            slack=self.gateway,
            calls=Calls(),
            agents=AGENTS,
            keep_raw=keep_raw,
            audience_must_be_cleared=audience_must_be_cleared,
            first_wait=FIRST_WAIT,
        )

    async def stored(self, **changes: Any) -> Delivery:
        url = SecretStr("https://hooks.slack.com/commands/T1/secret")
        request = changed_request(REQUEST, response_url=url)
        return await stored_delivery(self.database, request, **changes)

    async def ended(self, delivery_id: str = "d1", **columns: Any) -> Delivery:
        """Store a delivered raw recording, but for the columns."""
        usual = {
            "conversation_id": CALL,
            "destination_is_private": True,
            "parent_ts": "1.0",
            "card_ts": "1.0",
            "share_tried_at": NOON,
        }
        row = delivery_row(
            delivery_id, CHANNEL, team_id=TEAM, user_id=ALICE, **{**usual, **columns}
        )
        async with self.database.write() as session:
            session.add(row)
        return delivery_of(row)

    async def failed(self) -> Delivery:
        """Store a failed delivery that still has its card."""
        delivery = await self.stored(card_ts="1.0", destination_channel_id="C1")
        ending = self.deliveries.ending(State.FAILED)
        why = {"error_code": GONE.code, "problem": asdict(GONE)}
        return await self.deliveries.change(delivery, ending | why)

    async def notify(self, delivery: Delivery) -> datetime | None:
        with capture_logs():
            return await self.telling.notify_end(delivery.id)

    async def untold(self) -> list[dict[str, Any]]:
        """Read the payloads of the events that say that notifying was given up."""
        async with self.database.read() as session:
            events = all_events(session, AuditFilter())
            return [e.payload async for e in events if e.tag == "worker:delivery:untold"]


@pytest.fixture
def setup(database: Database) -> NotificationSetup:
    return NotificationSetup(database)


async def test_a_failure_is_notified_in_its_own_words_and_nothing_remains_due(setup):
    delivery = await setup.failed()

    assert await setup.notify(delivery) is None

    (note,) = setup.gateway.notes
    assert (note.kind, note.problem) == (PrivateNoteKind.FAILED, GONE)
    assert setup.gateway.withdrawn == [("C1", "1.0")]
    told = await setup.deliveries.read(delivery.id)
    assert (told.notified_at, told.response_url) == (NOON, None)
    assert setup.gateway.deleted == [], "nothing was shared"


@pytest.mark.parametrize(
    ("state", "share_tried_at", "deleted"),
    [
        pytest.param("failed", NOON, ["F1", "F2"], id="failed, perhaps visible"),
        pytest.param("failed", None, [], id="failed, never shared"),
        pytest.param("delivered", NOON, [], id="delivered"),
    ],
)
async def test_only_files_of_a_failed_delivery_that_may_be_visible_are_deleted(
    sqlite_store, state, share_tried_at, deleted
):
    setup = NotificationSetup(sqlite_store)
    files = {"file_id": "F1", "picture_file_id": "F2", "share_tried_at": share_tried_at}
    await setup.notify(await setup.ended(state=state, **files))
    assert setup.gateway.deleted == deleted


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        pytest.param(
            {"state": "failed", "problem": asdict(GONE), "kind": "transcript"},
            "failed",
            id="a transcript that failed",
        ),
        pytest.param({"state": "refused", "outcome": "refused"}, "refused", id="refused"),
        pytest.param({"state": "unconfirmed"}, "unconfirmed", id="unconfirmed"),
        pytest.param({"reason": "audience"}, "redacted", id="redacted because of the audience"),
        pytest.param({"reason": "asked"}, None, id="redacted as asked"),
        pytest.param({}, None, id="raw"),
    ],
)
@pytest.mark.parametrize("is_private", [True, False, None])
async def test_each_end_has_its_note_unless_the_card_shows_everything(
    sqlite_store, columns, kind, is_private
):
    setup = NotificationSetup(sqlite_store)
    where = {"destination_is_private": is_private, "origin_channel_id": "C0ASKED000"}
    delivery = await setup.ended(response_url="https://a.b/c", **where, **columns)

    assert await setup.notify(delivery) is None

    expected = PrivateNote(
        kind=PrivateNoteKind(kind or "failed"),
        delivery_id="d1",
        user_id=ALICE,
        channel_id="C0ASKED000",
        conversation_id=CALL,
        response_url=SecretStr("https://a.b/c"),
        reason=delivery.reason,
        problem=delivery.problem,
        delivery_kind=delivery.kind,
        is_public=is_private is False,
    )
    assert setup.gateway.notes == ([expected] if kind else [])
    told = await setup.deliveries.read("d1")
    assert (told.notified_at, told.response_url) == (NOON, None), "nothing is left to send"

    await setup.notify(await setup.ended("d2", replaces_id="d1", **columns))
    assert len(setup.gateway.notes) == bool(kind), "nobody requested what follows a take-back"


async def test_a_note_that_slack_refuses_for_now_is_sent_later_by_the_same_ways(setup):
    delivery = await setup.failed()
    setup.gateway.tell_errors = [Away(), Away(retry_after_seconds=30)]

    assert await setup.notify(delivery) == NOON + FIRST_WAIT
    assert await setup.notify(delivery) == NOON + timedelta(seconds=30)
    assert await setup.notify(delivery) is None

    assert len(setup.gateway.notes) == 1
    assert setup.gateway.notes[0].response_url


async def test_a_failed_card_update_is_retried_and_the_note_is_not(setup):
    delivery = await setup.failed()
    setup.gateway.card_errors = [Away()]

    assert await setup.notify(delivery) == NOON + FIRST_WAIT
    told = await setup.deliveries.read(delivery.id)
    assert (told.notified_at, told.response_url) == (NOON, delivery.response_url)
    setup.now += FIRST_WAIT
    assert await setup.notify(delivery) is None
    told = await setup.deliveries.read(delivery.id)
    assert (told.notified_at, told.response_url) == (NOON, None), "when it was notified stays"

    assert len(setup.gateway.notes) == 1
    assert setup.gateway.cards == ["withdrawn"]


async def test_a_card_and_a_note_that_both_fail_are_both_retried(sqlite_store):
    setup = NotificationSetup(sqlite_store)
    delivery = await setup.failed()
    setup.gateway.card_errors, setup.gateway.tell_errors = [Away()], [Away()]

    assert await setup.notify(delivery) == NOON + FIRST_WAIT
    assert (await setup.deliveries.read(delivery.id)).notified_at is None
    assert await setup.notify(delivery) is None

    assert (len(setup.gateway.notes), setup.gateway.cards) == (1, ["withdrawn"])


async def test_retries_come_at_growing_intervals_and_end_after_a_day(setup):
    delivery = await setup.failed()
    setup.gateway.tell_errors = [Away() for _ in range(1000)]
    waits = []
    while again_at := await setup.notify(delivery):
        waits.append(again_at - setup.now)
        setup.now = again_at

    assert waits[:4] == [FIRST_WAIT, FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert max(waits) == LONGEST_WAIT
    assert setup.now >= NOON + NOTIFY_FOR
    assert await setup.untold() == [{"code": Away.code, "kind": "failed"}]
    assert (await setup.deliveries.read(delivery.id)).response_url is None


@pytest.mark.both_databases
async def test_a_note_that_slack_refuses_for_good_is_given_up(setup):
    delivery = await setup.failed()
    setup.gateway.tell_errors = [Refused()]

    assert await setup.notify(delivery) is None

    assert await setup.untold() == [{"code": Refused.code, "kind": "failed"}]


async def test_an_end_without_a_note_is_given_up_if_workers_die_at_its_card(sqlite_store):
    setup = NotificationSetup(sqlite_store)
    await setup.telling.give_up((await setup.ended()).id, "worker_died")
    assert await setup.untold() == [{"code": "worker_died", "kind": None}]


@pytest.mark.both_databases
async def test_a_refused_card_update_does_not_prevent_the_note(setup):
    delivery = await setup.failed()
    setup.gateway.card_errors = [Refused()]

    assert await setup.notify(delivery) is None

    assert len(setup.gateway.notes) == 1


async def test_an_unfinished_delivery_has_no_note(setup):
    delivery = await setup.stored()

    assert await setup.notify(delivery) is None

    assert (setup.gateway.notes, setup.gateway.cards) == ([], [])
    assert (await setup.deliveries.read(delivery.id)).response_url


@pytest.mark.parametrize("has_card", [True, False], ids=["on the card", "privately"])
@pytest.mark.both_databases
async def test_the_card_says_once_that_the_delivery_waits(setup, has_card):
    stored = {"card_ts": "1.0", "destination_channel_id": "C1"} if has_card else {}
    delivery = await setup.stored(**stored)
    setup.gateway.card_errors, setup.gateway.tell_errors = [Away()], [Away()]
    with capture_logs():
        for tries in range(6):
            setup.now = NOON + timedelta(seconds=tries)
            await setup.telling.notify_waiting(delivery.id, Problem.of(Away()), tries)

    waiting = await setup.deliveries.read(delivery.id)
    notes = [(note.kind, note.problem) for note in setup.gateway.notes]
    if has_card:
        card = announcement_of(waiting)
        assert setup.gateway.waiting == [("1.0", card, "Slack cannot be reached.")]
        assert notes == []
    else:
        assert setup.gateway.waiting == []
        assert notes == [(PrivateNoteKind.WAITING, Problem.of(Away()))]
    assert waiting.waiting_since == NOON
    assert waiting.waiting_notified_at == NOON + timedelta(
        seconds=3
    )  # the first message was not accepted


class AwayAtFirst(DeliveryStore):
    """A store whose database fails as soon as a note was sent."""

    times = 2

    async def note_notified(self, delivery: Delivery, *, is_all: bool) -> None:
        self._be_away()
        await super().note_notified(delivery, is_all=is_all)

    async def note_waiting(self, delivery: Delivery, *, is_notified: bool) -> None:
        self._be_away()
        await super().note_waiting(delivery, is_notified=is_notified)

    def _be_away(self) -> None:
        if self.times:
            self.times -= 1
            raise OperationalError("UPDATE", {}, Exception("server closed the connection"))


@pytest.mark.parametrize("kind", [PrivateNoteKind.FAILED, PrivateNoteKind.WAITING])
async def test_a_note_is_not_repeated_if_the_database_fails_after_it(sqlite_store, kind):
    setup = NotificationSetup(sqlite_store)
    setup.telling._deliveries = AwayAtFirst(database=sqlite_store, clock=lambda: NOON)
    delivery = await (setup.failed() if kind is PrivateNoteKind.FAILED else setup.stored())

    async def tell() -> None:
        if kind is PrivateNoteKind.FAILED:
            await setup.notify(delivery)
        else:
            await setup.telling.notify_waiting(delivery.id, GONE, tries=2)

    for _ in range(2):
        with pytest.raises(OperationalError):
            await tell()
    await tell()
    await tell()

    assert [note.kind for note in setup.gateway.notes] == [kind]
    assert setup.telling._unstored == set()
