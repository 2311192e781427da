"""Each step stores what it did once, and does only what is missing when it runs again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from bot.access.directory import Conversation
from bot.access.policy import Decision, Outcome, Reason, audited_facts
from bot.access.policy_evaluation import Evaluation, Question
from bot.errors import CallAudioError
from bot.polyai.payloads import Direction
from bot.recordings.audio.spans import Span, SpanSummary
from bot.recordings.deliveries.delivery import Delivery, State
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.deliveries.destination import (
    ConversationArchived,
    ConversationUnseen,
    Destinations,
)
from bot.recordings.deliveries.slack_port import PrivateNoteKind
from bot.recordings.steps.delivery_steps import (
    PICTURE_GRACE_SECONDS,
    AgentRemoved,
    DeliverySteps,
    Gate,
    TranscriptRefused,
)
from bot.recordings.steps.share_attempts import ShareResult
from bot.recordings.steps.uploading import Upload
from bot.recordings.transfer.relay import Measured, Source
from bot.store.database import Database
from tests.access.builders import EVERYTHING_SPEAKS_FOR_RAW, Passing
from tests.conftest import NOON
from tests.polling import DEADLINE_SECONDS
from tests.recordings.deliveries.rows import later_events, stored_delivery
from tests.recordings.references.test_agents import AGENTS
from tests.recordings.requests.builders import changed_request
from tests.recordings.requests.test_request_store import ALICE, CALL, CHANNEL, REQUEST

TEAM = REQUEST.requester.actor.team_id
OWN_DM, OF_TWO = "D0ALICE00", "D0ALICEBOB"
WITH_RAW_KEY = replace(AGENTS["default"], pii_api_key=SecretStr("rawKey"))
MUTED = SpanSummary(1, 2.5, (Span(1.0, 3.5),))
RAW = Decision(Outcome.RAW, Reason.CLEARED)
QUESTION = Question(TEAM, ALICE, CHANNEL, asked_redacted=False, has_raw_key=True)


class Refused(CallAudioError):
    code = "refused_for_good"


async def nothing(*_: object) -> None:
    """Change nothing meanwhile."""


class Picture(SimpleNamespace):
    """A picture that is ready with the recording, later, or never."""

    outline = SimpleNamespace(silences=MUTED)

    async def file_id(self, within_seconds: float | None = None) -> str | None:
        self.waits.append(within_seconds)
        if within_seconds is None:
            await self.meanwhile()
        return None if self.is_late and within_seconds else self.id


class StepsSetup:
    """Slack, the decision and the transfer, in memory; the store is real."""

    def __init__(self, database: Database, gate: Gate | None = None) -> None:
        self.database = database
        self.deliveries = DeliveryStore(database=database, clock=lambda: NOON)
        self.agents = {"default": WITH_RAW_KEY}
        self.steps = DeliverySteps(
            deliveries=self.deliveries,
            destinations=Destinations(deliveries=self.deliveries, directory=self, slack=self),
            decider=self,
            uploading=self,
            sharing=self,
            slack=self,
            agents=self.agents,
            gate=gate,
        )
        self.outcome = RAW
        self.unreadable: dict[str, CallAudioError] = {}
        self.decision_error: CallAudioError | None = None
        self.while_deciding: Callable[[], Awaitable[Any]] = nothing
        self.asked: list[tuple[Question, Delivery]] = []
        self.fetched: list[tuple[str, Delivery, Source]] = []
        self.picture: Picture | None = None
        self.calls: list[str] = []

    async def conversation(self, channel_id: str) -> Conversation:
        self.calls.append(f"read {channel_id}")
        if channel_id in self.unreadable:
            raise self.unreadable[channel_id]
        return Conversation(
            channel_id, is_external=False, is_im=False, im_user_id=None, is_private=True,
            is_archived=channel_id == "C0ARCHIVED", bot_is_member=True, member_count=2,
        )  # fmt: skip

    async def open_dm(self, user_id: str) -> str:
        self.calls.append(f"open {user_id}")
        return OWN_DM

    async def notify(self, note: Any) -> None:
        assert note.kind is PrivateNoteKind.MOVED_TO_DM
        self.calls.append("say where it goes")

    async def announce(self, card: Any) -> str:
        self.calls.append(f"post in {card.channel_id}")
        return "1.0"

    async def decide(
        self,
        question: Question,
        delivery: Delivery,
        reading: "asyncio.Future[Conversation] | None" = None,
    ) -> Evaluation:
        self.asked.append((question, delivery))
        if reading:
            await asyncio.wait({reading})
        await self.while_deciding()
        if self.decision_error:
            raise self.decision_error
        return Evaluation(self.outcome, EVERYTHING_SPEAKS_FOR_RAW, NOON)

    @asynccontextmanager
    async def _fetch(
        self, what: str, delivery: Delivery, source: Source, announce: Any
    ) -> AsyncIterator[Upload]:
        self.fetched.append((what, delivery, source))
        # Twice, as for a recording whose header is wrong.
        assert [await announce(), await announce()] == ["1.0", "1.0"]
        yield Upload("F1", Measured(1044, 4.5, "GSM"), self.picture)

    def recording(self, *what: Any) -> Any:
        return self._fetch("recording", *what)

    def transcript(self, *what: Any) -> Any:
        return self._fetch("transcript", *what)

    async def share(self, *what: Any) -> ShareResult:
        self.shared = what
        return ShareResult.SHARED

    async def stored(self, **changes: Any) -> Delivery:
        """Store a request; it is for the default agent, by ALICE, in CHANNEL."""
        of_request = {
            name: changes.pop(name) for name in ("channel_id", "thread_ts") if name in changes
        }
        request = changed_request(REQUEST, **of_request)
        return await stored_delivery(self.database, request, **changes)

    async def decided(self, **changes: Any) -> Delivery:
        usual = {
            "destination_channel_id": CHANNEL,
            "outcome": "raw",
            "reason": "cleared",
            "state": "decided",
        }
        return await self.stored(**{**usual, **changes})

    async def changed(self, delivery: Delivery, **changes: Any) -> Delivery:
        changed = await self.deliveries.change(delivery, changes)
        assert changed
        return changed

    def with_picture(self, file_id: str | None, *, is_late: bool = False) -> Picture:
        self.picture = Picture(id=file_id, is_late=is_late, meanwhile=nothing, waits=[])
        return self.picture

    async def tags(self) -> list[str]:
        return [tag.rpartition(":")[2] for tag, _ in await later_events(self.database)]


@pytest.fixture
def setup(sqlite_store: Database) -> StepsSetup:
    return StepsSetup(sqlite_store)


# Decide.


async def test_a_decision_is_stored_with_its_destination_and_the_facts_behind_it(setup):
    delivery = await setup.steps.begin((await setup.stored(waiting_since=NOON)).id)

    now, conversation = await setup.steps.decide(delivery)

    assert now == await setup.deliveries.read(delivery.id)
    assert (now.channel_id, now.outcome, now.reason) == (CHANNEL, Outcome.RAW, "cleared")
    assert (now.state, now.waiting_since) == (State.DECIDED, None)
    assert conversation == await setup.conversation(CHANNEL)
    assert setup.asked == [(QUESTION, delivery)]
    facts = audited_facts(EVERYTHING_SPEAKS_FOR_RAW)
    payload = {"outcome": "raw", "reason": "cleared", **facts}
    assert await later_events(setup.database) == [("policy:delivery:decided", payload)]


@pytest.mark.parametrize(
    ("changes", "question"),
    [
        pytest.param(
            {"asked_redacted": True}, replace(QUESTION, asked_redacted=True), id="redacted"
        ),
        pytest.param({"kind": "transcript"}, replace(QUESTION, raw_only=True), id="a transcript"),
        pytest.param(
            {"agent_name": "sales"}, replace(QUESTION, has_raw_key=False), id="without a raw key"
        ),
    ],
)
async def test_each_request_has_its_question_for_the_decision(setup, changes, question):
    setup.agents["sales"] = AGENTS["sales"]
    await setup.steps.decide(await setup.stored(**changes))
    assert setup.asked[0][0] == question


@pytest.mark.parametrize(
    ("asked", "calls"),
    [
        pytest.param(ALICE, [f"open {ALICE}", f"read {OWN_DM}"], id="the requester's own id"),
        pytest.param(
            OF_TWO,
            [f"read {OF_TWO}", f"open {ALICE}", "say where it goes", f"read {OWN_DM}"],
            id="direct messages with somebody else",
        ),
    ],
)
async def test_some_requests_go_to_the_requesters_own_direct_messages(setup, asked, calls):
    setup.unreadable[OF_TWO] = ConversationUnseen()
    now, conversation = await setup.steps.decide(await setup.stored(channel_id=asked))
    assert (now.channel_id, conversation.channel_id) == (OWN_DM, OWN_DM)
    assert setup.asked[-1][0] == replace(QUESTION, channel_id=OWN_DM)
    assert setup.calls == calls


async def test_a_request_that_already_goes_there_is_not_redirected_again(setup):
    delivery = await setup.stored(channel_id=ALICE, destination_channel_id=OWN_DM)
    setup.unreadable[OWN_DM] = ConversationUnseen()
    with pytest.raises(ConversationUnseen):
        await setup.steps.decide(delivery)
    assert setup.calls == [f"read {OWN_DM}"]


async def test_a_decision_is_taken_once_and_that_of_a_faster_worker_counts(setup):
    delivery = await setup.stored()
    setup.while_deciding = lambda: setup.changed(delivery, outcome="redacted")
    now, conversation = await setup.steps.decide(delivery)
    assert (now.outcome, now.state) == (Outcome.REDACTED, State.REQUESTED)
    assert conversation

    assert await setup.steps.decide(now) == (now, None)
    assert len(setup.asked) == 1
    assert await setup.tags() == []


async def test_a_channel_that_gets_another_id_meanwhile_is_decided_about_again(setup):
    delivery = await setup.stored()

    async def get_another_id() -> None:
        setup.while_deciding = nothing
        await setup.changed(delivery, asked_channel_id="C0NEWID000")

    setup.while_deciding = get_another_id
    now, conversation = await setup.steps.decide(delivery)
    assert (now.channel_id, conversation.channel_id) == ("C0NEWID000", "C0NEWID000")
    assert [question.channel_id for question, _ in setup.asked] == [CHANNEL, "C0NEWID000"]
    assert await setup.tags() == ["decided"]


@pytest.mark.parametrize(
    ("reading", "deciding", "raised"),
    [
        pytest.param(ConversationUnseen(), None, ConversationUnseen, id="not seen"),
        pytest.param(Passing(), None, Passing, id="not read for now"),
        pytest.param(Refused(), None, None, id="not read: the decision has failed closed"),
        pytest.param(None, Passing(), Passing, id="a fact is unknown for now"),
        pytest.param(
            ConversationUnseen(), Passing(), ConversationUnseen, id="not seen, and a fact unknown"
        ),
    ],
)
async def test_where_the_bot_cannot_post_nothing_is_decided(setup, reading, deciding, raised):
    setup.unreadable = {CHANNEL: reading} if reading else {}
    setup.decision_error = deciding
    delivery = await setup.stored()
    if raised:
        with pytest.raises(raised):
            await setup.steps.decide(delivery)
    else:
        assert (await setup.steps.decide(delivery))[1] is None
    assert await setup.tags() == ([] if raised else ["decided"])


async def test_an_archived_channel_is_refused(setup):
    with pytest.raises(ConversationArchived):
        await setup.steps.decide(await setup.stored(channel_id="C0ARCHIVED"))


async def test_an_agent_removed_after_the_request_is_reported(setup):
    setup.agents.clear()
    with pytest.raises(AgentRemoved):
        await setup.steps.decide(await setup.stored())
    assert (setup.calls, setup.asked) == ([], [])


# Upload.


@pytest.mark.parametrize(
    ("changes", "what", "raw"),
    [
        pytest.param({"direction": "user"}, "recording", True, id="raw"),
        pytest.param({"outcome": "redacted"}, "recording", False, id="redacted"),
        pytest.param({"kind": "transcript"}, "transcript", True, id="a transcript"),
    ],
)
async def test_the_decided_variant_is_fetched_stored_and_decided_about_again(
    setup, changes, what, raw
):
    delivery = await setup.decided(waiting_since=NOON, **changes)
    place = await setup.conversation(CHANNEL)
    setup.calls.clear()

    now, evaluation = await setup.steps.upload(delivery, place)

    source = Source(TEAM, WITH_RAW_KEY, CALL, delivery.direction, raw=raw)
    assert setup.fetched == [(what, delivery, source)]
    assert setup.calls == [f"post in {CHANNEL}"], "one card, and the place was known"
    assert now == await setup.deliveries.read(delivery.id)
    assert (now.file_id, now.picture_file_id, now.muted) == ("F1", None, None)
    assert (now.size_bytes, now.length_seconds, now.encoding) == (1044, 4.5, "GSM")
    assert (now.state, now.waiting_since) == (State.UPLOADED, None)
    assert evaluation.decision == RAW
    question = replace(QUESTION, raw_only=what == "transcript")
    assert setup.asked == [(question, replace(delivery, waiting_since=None))]
    assert (await later_events(setup.database))[1:] == [
        ("worker:delivery:uploaded", {"file_id": "F1", "outcome": delivery.outcome})
    ]


async def test_a_stored_upload_is_not_fetched_again(setup):
    delivery = await setup.decided(file_id="F0")
    assert await setup.steps.upload(delivery, None) == (delivery, None)
    assert (setup.fetched, setup.asked) == ([], [])


async def test_an_existing_card_is_used(setup):
    await setup.steps.upload(await setup.decided(card_ts="1.0"), None)
    assert setup.calls == []


async def test_if_the_raw_key_was_removed_only_a_new_decision_is_taken(setup):
    setup.agents["default"] = AGENTS["default"]
    delivery = await setup.decided()
    now, evaluation = await setup.steps.upload(delivery, None)
    assert (now, evaluation.decision) == (delivery, RAW)
    assert setup.asked == [(replace(QUESTION, has_raw_key=False), delivery)]
    assert (setup.fetched, setup.calls) == ([], [])

    await setup.steps.upload(replace(delivery, outcome=Outcome.REDACTED), None)
    assert len(setup.fetched) == 1, "redacted needs no raw key"


async def test_a_transcript_that_may_not_be_raw_is_not_fetched(setup):
    delivery = await setup.decided(kind="transcript", outcome="redacted")
    with pytest.raises(TranscriptRefused):
        await setup.steps.upload(delivery, None)
    assert setup.fetched == []


async def test_an_upload_that_the_gate_rejects_is_neither_stored_nor_decided_about(sqlite_store):
    checked = []

    async def gate(delivery: Delivery, upload: Upload) -> None:
        checked.append((delivery, upload.file_id))
        raise Refused

    setup = StepsSetup(sqlite_store, gate)
    delivery = await setup.decided()
    with pytest.raises(Refused):
        await setup.steps.upload(delivery, None)
    assert checked == [(delivery, "F1")]
    assert (await setup.deliveries.read(delivery.id)).file_id is None
    assert setup.asked == []


@pytest.mark.parametrize(
    ("changes", "muted"),
    [
        pytest.param({}, None, id="raw"),
        pytest.param({"outcome": "redacted"}, MUTED, id="redacted"),
        pytest.param(
            {"outcome": "redacted", "direction": Direction.USER.value}, None, id="one side"
        ),
    ],
)
async def test_a_picture_that_is_ready_is_stored_with_its_recording(setup, changes, muted):
    picture = setup.with_picture("F2")
    now, evaluation = await setup.steps.upload(await setup.decided(**changes), None)
    assert (now.file_ids, now.muted) == (("F1", "F2"), muted)
    assert now == await setup.deliveries.read(now.id)
    assert evaluation
    assert picture.waits == [PICTURE_GRACE_SECONDS]


@pytest.mark.parametrize(
    ("file_id", "meanwhile", "file_ids"),
    [
        pytest.param("F2", {}, ("F1", "F2"), id="late"),
        pytest.param(None, {}, ("F1",), id="never ready"),
        pytest.param("F2", {"share_tried_at": NOON}, ("F1",), id="late, and a share was tried"),
        pytest.param("F2", {"file_id": "F9"}, ("F9",), id="late, and the upload was replaced"),
    ],
)
async def test_a_late_picture_is_added_to_its_stored_recording_before_the_share(
    setup, file_id, meanwhile, file_ids
):
    delivery = await setup.decided()

    async def recording_is_stored() -> None:
        stored = await setup.deliveries.read(delivery.id)
        assert stored.file_ids == ("F1",)
        if meanwhile:
            await setup.changed(stored, **meanwhile)

    setup.with_picture(file_id, is_late=True).meanwhile = recording_is_stored
    now, evaluation = await setup.steps.upload(delivery, None)
    assert now.file_ids == file_ids
    assert now == await setup.deliveries.read(delivery.id)
    assert (evaluation, setup.asked) == (None, []), "the share decides"


@pytest.mark.parametrize(
    "meanwhile",
    [
        pytest.param({"file_id": "F9"}, id="uploaded by another worker"),
        pytest.param({"outcome": "redacted"}, id="decided more strictly"),
        pytest.param({"thawed_at": NOON}, id="a freeze was lifted"),
    ],
)
async def test_an_upload_overtaken_by_another_worker_is_dropped(sqlite_store, meanwhile):
    async def gate(delivery: Delivery, _upload: Upload) -> None:
        await setup.changed(delivery, **meanwhile)

    async def take_long_to_decide_and_to_stop() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)

    setup = StepsSetup(sqlite_store, gate)
    setup.while_deciding = take_long_to_decide_and_to_stop
    async with asyncio.timeout(DEADLINE_SECONDS):
        now, evaluation = await setup.steps.upload(await setup.decided(), None)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert (now.file_id, evaluation) == (meanwhile.get("file_id"), None)
    assert now == await setup.deliveries.read(now.id)
    assert "uploaded" not in await setup.tags()


async def test_an_upload_is_kept_if_the_new_decision_has_to_wait(setup):
    setup.decision_error = Passing()
    delivery = await setup.decided()
    with pytest.raises(Passing):
        await setup.steps.upload(delivery, None)
    assert (await setup.deliveries.read(delivery.id)).file_id == "F1"


async def test_an_upload_is_shared_under_the_decision_just_taken(setup):
    delivery = await setup.decided(file_id="F1")
    evaluation = Evaluation(RAW, EVERYTHING_SPEAKS_FOR_RAW, NOON - timedelta(seconds=1))
    assert await setup.steps.share(delivery, evaluation) is ShareResult.SHARED
    assert setup.shared == (delivery, QUESTION, evaluation)
