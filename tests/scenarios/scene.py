"""Prepares a running stage for a scenario, and waits for results."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, and_, bindparam, or_, select, update

from bot.access.grants import Effect, NewGrant, Right, Subject, SubjectKind, add_grant, revoke
from bot.cli.stage import AGENT_ID, Stage
from bot.jobs.retry_rule import RetryRule
from bot.recordings.deliveries.delivery import ENDED
from bot.recordings.steps.delivery_decision import FactRetryWindow
from bot.sandbox import recordings
from bot.sandbox.delivery import Ack
from bot.sandbox.faults import Fault
from bot.sandbox.objects import Ephemeral, File, Message
from bot.sandbox.polyai_calls import Recording, Request, Shape
from bot.store.due_work_kinds import DueWorkKind
from bot.store.tables import AuditEventRow, DeliveryRow, DueWorkRow, GrantRow
from bot.wiring.clock import utc_now
from bot.wiring.timings import Timings
from tests.polling import until

CALL = "CA" + "0123456789abcdef" * 2
ALICE = "U0ALICE00"
"""Cleared for raw only if a scenario grants it."""
BOB = "U0BOB0000"
"""Never cleared."""
BOSS = "U0BOSS000"
CHANNEL = "C0QUALITY0"
"""Private: only its members can open what is in it."""
SHARE = "files.completeUploadExternal"
BROKEN_OFF = "upload: the body ended early"
"""The violation of an upload whose source breaks off, if Slack notices it in time."""
RAW_SPAN = recordings.raw_span()
"""Bytes that only the raw recording contains."""
# Waits of seconds take hundredths here; the steps and their order are the same.
BRISK = Timings(
    visibility_waits_seconds=(0.05, 0.1, 0.2, 0.3),
    retry=RetryRule(
        attempts=3, first_wait_seconds=0.01, max_wait_seconds=0.5, max_asked_seconds=0.5
    ),
    fact_retry_window=FactRetryWindow(before_redacted=timedelta(0), before_refused=timedelta(0)),
    notify_again=timedelta(seconds=0.05),
    drain_seconds=5,
)
# The work is removed after the card is updated and the requester is notified.
_STATE_AND_WORK = (
    select(DeliveryRow.state, DueWorkRow.key)
    .outerjoin(
        DueWorkRow, and_(DueWorkRow.kind == DueWorkKind.DELIVER, DueWorkRow.key == DeliveryRow.id)
    )
    .where(DeliveryRow.id == bindparam("delivery_id"))
)
_DUE_OR_RUNNING = (
    select(DueWorkRow.key)
    .where(or_(DueWorkRow.claim.is_not(None), DueWorkRow.due_at <= bindparam("now")))
    .limit(1)
)


@dataclass(frozen=True)
class Seen:
    """All results of one request."""

    ack: Ack
    delivery: DeliveryRow
    files: Sequence[File]
    """The recordings, without their pictures."""
    pictures: Sequence[File]
    private: Sequence[Ephemeral]
    """Private messages to the requester, the ack's text first."""
    audit: Sequence[AuditEventRow]
    requests: Sequence[Request]
    """The requests to PolyAI, those for the facts of the call included."""
    posted: Sequence[Message] = ()
    """New messages that other people can see, in any channel."""
    overheard: Sequence[Ephemeral] = ()
    """Private messages to other people."""

    @property
    def file(self) -> File:
        (file,) = self.files
        return file

    @property
    def picture(self) -> File:
        (picture,) = self.pictures
        return picture

    @property
    def card(self) -> Message:
        (card,) = [message for message in self.posted if message.thread_ts is None]
        return card

    @property
    def note(self) -> Ephemeral:
        """The last private message."""
        return self.private[-1]

    @property
    def buttons(self) -> list[Mapping[str, Any]]:
        return [
            element
            for block in self.note.blocks
            if block["type"] == "actions"
            for element in block["elements"]
        ]

    @property
    def audio_requests(self) -> list[Request]:
        return [request for request in self.requests if request.path.endswith("/audio")]

    @property
    def told(self) -> str:
        return "\n".join(each.text for each in self.private)

    @property
    def tags(self) -> list[str]:
        return [event.tag for event in self.audit]


class Scene:
    """One stage with two people, a channel with the first of them in it, and a call."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.workspace = stage.workspace
        self.polyai = stage.polyai
        self.slack = stage.slack
        self.people = stage.people
        self.database = stage.application.database
        self.excused: set[str] = set()
        self._numbers = itertools.count(1)
        for user_id in (ALICE, BOB, BOSS):
            self.workspace.add_user(user_id)
        self.workspace.add_channel(CHANNEL, members=[ALICE], is_private=True)
        self.call()

    def excuse(self, violation: str) -> None:
        """Accept a violation that the scenario provokes, such as an upload that breaks off."""
        self.excused.add(violation)

    def call(self, conversation_id: str = CALL, shape: Shape = Shape.CONTENT_LENGTH) -> None:
        self.polyai.add_call(
            conversation_id, agent_id=AGENT_ID, recording=Recording.speech(), shape=shape
        )

    def another_call(self, **changes: Any) -> str:
        """Add another call, so that a second request is no double submit; returns its id. It has
        the usual recording, except for ``changes``.
        """
        conversation_id = f"CA{next(self._numbers):032x}"
        self.polyai.add_call(
            conversation_id, **{"agent_id": AGENT_ID, "recording": Recording.speech(), **changes}
        )
        return conversation_id

    @asynccontextmanager
    async def between_upload_and_share(
        self, conversation_id: str = CALL
    ) -> AsyncIterator[asyncio.Task[Seen]]:
        """Request a recording, and hold the upload's answer back during the block."""
        self.slack.faults.add(Fault("upload", when="after", hang=True))
        asking = asyncio.create_task(self.ask(conversation_id))
        await self.slack.faults.reached("upload")
        yield asking
        self.slack.faults.release("upload")
        await asking

    async def end_right(self, user_id: str = ALICE) -> None:
        """Revoke the right to hear raw, without an event of Slack."""
        subject = Subject(self.workspace.team_id, SubjectKind.USER, user_id)
        async with self.database.write() as session:
            await revoke(session, subject, Right.PII, by=BOSS, now=utc_now())

    async def grant(
        self,
        user_id: str = ALICE,
        *,
        effect: Effect = Effect.GRANT,
        lasting: timedelta | None = None,
        right: Right = Right.PII,
        team_id: str | None = None,
        starts_in: timedelta = timedelta(),
    ) -> None:
        """Grant a right to a person or, by its id, to a group."""
        now = utc_now() + starts_in
        kind = SubjectKind.GROUP if user_id.startswith("S") else SubjectKind.USER
        new = NewGrant(
            subject=Subject(team_id or self.workspace.team_id, kind, user_id),
            right=right,
            effect=effect,
            given_by=BOSS,
            reason="call quality",
            now=now,
            expires_at=now + lasting if lasting else None,
        )
        async with self.database.write() as session:
            await add_grant(session, new)

    async def ask(self, text: str = CALL, *, user: str = ALICE, channel: str = CHANNEL) -> Seen:
        """Type `/callaudio text`, and wait until the delivery has ended."""
        before = self._look()
        ack = await self.people.command(user, channel, text)
        return await self._seen(ack, await self.latest(), user, before)

    async def rule(self, text: str, user: str = BOSS, **more: Any) -> Ack:
        """Type `/callaudio-admin text`."""
        return await self.people.command(user, CHANNEL, text, command="/callaudio-admin", **more)

    async def use(
        self, button: Mapping[str, Any], note: Ephemeral | Message, *, user: str = ALICE
    ) -> Ack:
        """Press a button of a message."""
        action, value = str(button["action_id"]), str(button["value"])
        is_private = isinstance(note, Ephemeral)
        return await self.people.block_action(
            user, note.channel, note.ts, action, value, ephemeral=is_private
        )

    async def press(
        self, button: Mapping[str, Any], note: Ephemeral | Message, *, user: str = ALICE
    ) -> Seen:
        """Press a button that starts a delivery, and wait until it has ended."""
        before = self._look()
        ack = await self.use(button, note, user=user)
        return await self._seen(ack, await self.latest(), user, before)

    def everything_posted(self) -> list[Message]:
        """Every visible message, without private notes."""
        return [m for channel in self.workspace.channels for m in self.workspace.messages(channel)]

    def every_visible_file(self) -> list[File]:
        """Every visible recording, in any channel."""
        return [f for c in self.workspace.channels for f in self.workspace.visible_recordings(c)]

    def every_visible_picture(self) -> list[File]:
        channels = self.workspace.channels
        return [f for c in channels for f in self.workspace.visible_files(c) if f.is_picture]

    def decisions_by_audience(self) -> int:
        """How often the audience was read up to the last share; later reads check visible files."""
        calls = self.workspace.calls
        last = max(at for at, call in enumerate(calls) if call.method == SHARE)
        return sum(call.method == "conversations.members" for call in calls[:last])

    def _look(self) -> tuple[int, int, set[str], set[str]]:
        return (
            len(self.workspace.ephemerals),
            len(self.polyai.requests),
            {message.ts for message in self.everything_posted()},
            {file.id for file in self.every_visible_file() + self.every_visible_picture()},
        )

    async def _seen(
        self, ack: Ack, delivery_id: str, user: str, before: tuple[int, int, set[str], set[str]]
    ) -> Seen:
        private, requests, messages, files = before
        delivery = await self.ended(delivery_id)
        shown = self.workspace.ephemerals[private:]
        return Seen(
            ack=ack,
            delivery=delivery,
            files=[f for f in self.every_visible_file() if f.id not in files],
            pictures=[f for f in self.every_visible_picture() if f.id not in files],
            private=[e for e in shown if e.user == user],
            audit=await self.audit(delivery.id),
            requests=self.polyai.requests[requests:],
            posted=[m for m in self.everything_posted() if m.ts not in messages],
            overheard=[e for e in shown if e.user != user],
        )

    async def latest(self) -> str:
        """The id of the newest delivery that a person requested: a take-back may add another."""
        requested = select(DeliveryRow.id).where(DeliveryRow.replaces_id.is_(None))
        (newest,) = await self.stored(requested.order_by(DeliveryRow.requested_at.desc()).limit(1))
        return str(newest)

    async def stored(self, query: Select[Any]) -> list[Any]:
        """Return what a query selects: rows, or values of one column."""
        async with self.database.read() as session:
            return list(await session.scalars(query))

    async def deliveries(self) -> list[DeliveryRow]:
        return await self.stored(select(DeliveryRow))

    async def ended(self, delivery_id: str) -> DeliveryRow:
        """Wait until the delivery has ended and its requester is notified."""

        async def has_ended() -> bool:
            found = await self.database.rows(_STATE_AND_WORK, {"delivery_id": delivery_id})
            return any(state in ENDED and work is None for state, work in found)

        # Each check takes processor time, although it is a single statement.
        await until(has_ended, every_seconds=0.04)
        return await self.row(delivery_id)

    async def all_ended(self) -> None:
        """Wait until every delivery has ended in the same way."""
        for each in await self.deliveries():
            await self.ended(each.id)

    async def row(self, delivery_id: str) -> DeliveryRow:
        async with self.database.read() as session:
            row = await session.get(DeliveryRow, delivery_id)
        assert row is not None
        return row

    async def due(self, kind: str, key: str) -> DueWorkRow | None:
        """A piece of due work, if there is one."""
        async with self.database.read() as session:
            return await session.get(DueWorkRow, (kind, key))

    async def next_second(self) -> None:
        """Wait, so that the same words after a failure count as sent after it.

        Slack says when it sent a request in whole seconds.
        """
        second = int(time.time())
        await until(lambda: int(time.time()) > second)

    async def rest(self) -> None:
        """Wait until no work is due or running, so that what is absent then stays absent."""

        async def is_at_rest() -> bool:
            return not await self.database.rows(_DUE_OR_RUNNING, {"now": utc_now()})

        await until(is_at_rest)

    async def move_back(self, delivery_id: str, by: timedelta) -> None:
        """Make a delivery end long ago."""
        async with self.database.write() as session:
            row = await session.get(DeliveryRow, delivery_id)
            assert row is not None
            assert row.ended_at is not None
            row.ended_at -= by

    async def let_grants_expire(self) -> None:
        """Make every grant end a moment ago."""
        async with self.database.write() as session:
            await session.execute(update(GrantRow).values(expires_at=utc_now()))

    async def tags(self) -> list[str]:
        """Return the tags of all audit events, oldest first."""
        return [event.tag for event in await self.all_audit()]

    async def all_audit(self) -> list[AuditEventRow]:
        return await self.stored(select(AuditEventRow).order_by(AuditEventRow.id))

    async def events(self, tag: str) -> list[AuditEventRow]:
        """Return all audit events with this tag, oldest first."""
        return [event for event in await self.all_audit() if event.tag == tag]

    async def audit(self, delivery_id: str) -> list[AuditEventRow]:
        of_delivery = select(AuditEventRow).where(AuditEventRow.delivery_id == delivery_id)
        return await self.stored(of_delivery.order_by(AuditEventRow.id))


def assert_raw(seen: Seen, conversation_id: str = CALL) -> None:
    """One raw file, in the thread of one card that says raw, fetched with the raw key."""
    assert (seen.delivery.state, seen.delivery.reason) == ("delivered", "cleared")
    assert seen.file.content == recordings.load("combined", redacted=False)
    assert RAW_SPAN in seen.file.content
    assert seen.file.name == f"{conversation_id}-raw.wav"
    assert seen.file.title == f"{conversation_id} (raw)"
    assert {(r.key_kind, r.query["redacted"]) for r in seen.audio_requests} == {("raw", "false")}
    assert "*Unredacted*" in str(seen.card.blocks)
    assert [e.via for e in seen.private] == ["ack"]  # nothing to explain
    _assert_in_good_order(seen)


def assert_redacted(
    seen: Seen, reason: str, conversation_id: str = CALL, *, why: str | None = None
) -> None:
    """One redacted file in a thread, fetched with the plain key *and* `redacted=true`."""
    assert (seen.delivery.state, seen.delivery.reason) == ("delivered", reason)
    assert seen.file.content == recordings.load("combined", redacted=True)
    assert RAW_SPAN not in seen.file.content
    assert seen.file.name == f"{conversation_id}-redacted.wav"
    assert seen.file.title == f"{conversation_id} (redacted)"
    assert {(r.key_kind, r.query["redacted"]) for r in seen.audio_requests} == {("plain", "true")}
    assert "*Redacted*" in str(seen.card.blocks)
    assert "*Unredacted*" not in str(seen.card.blocks)
    if reason == "asked":
        assert [e.via for e in seen.private] == ["ack"]
    else:
        assert WHY[why or reason] in seen.note.text
        assert seen.delivery.id in str(seen.note.blocks)
    _assert_in_good_order(seen)


def assert_refused(seen: Seen, reason: str) -> None:
    """Nothing was fetched and nothing posted; only the requester is told why."""
    assert (seen.delivery.state, seen.delivery.reason) == ("refused", reason)
    assert seen.audio_requests == []
    assert seen.posted == []
    assert seen.files == seen.pictures == []
    assert WHY[reason] in seen.note.text
    assert seen.delivery.id in str(seen.note.blocks)
    assert seen.overheard == []
    assert seen.tags == [
        "slack:delivery:requested",
        "policy:delivery:decided",
        "policy:delivery:refused",
    ]
    assert seen.audit[-1].payload["reason"] == reason


def assert_failed(seen: Seen, code: str, *words: str) -> None:
    """Nothing unfinished stays; only the requester is told what happened, why, and what to do."""
    assert (seen.delivery.state, seen.delivery.error_code) == ("failed", code)
    assert seen.posted == []
    assert seen.files == seen.pictures == []
    for each in words:
        assert each in seen.note.text
    assert "*What to do:*" in seen.note.text
    assert seen.delivery.id in str(seen.note.blocks)
    assert seen.overheard == []
    assert seen.tags[-1] == "worker:delivery:failed"
    assert seen.audit[-1].payload["code"] == code


# What the private note must say, so that a person knows what to do.
WHY = {
    "requester_not_allowed": "Only members of this workspace",
    "requester_not_in_destination": "You are not in that conversation",
    "external_destination": "another organisation",
    "not_cleared": "you are not cleared",
    "no_raw_key": "this agent has no key for unredacted recordings",
    "audience": "not everyone here is known to be cleared",
    "public": "this is a public channel, and everybody in the workspace can open it",
}
DELIVERED_TAGS = [
    "slack:delivery:requested",
    "policy:delivery:decided",
    "worker:delivery:announced",
    "worker:delivery:uploaded",
    "worker:delivery:shared",
    "worker:delivery:delivered",
]


def _assert_in_good_order(seen: Seen) -> None:
    parent = seen.card
    assert (seen.file.channel, seen.file.thread_ts) == (parent.channel, parent.ts)
    for picture in seen.pictures:
        assert picture.name == seen.file.name.replace(".wav", ".png")
        assert picture.content.startswith(b"\x89PNG")
        assert picture.share_ts == seen.file.share_ts
        assert picture.id == seen.delivery.picture_file_id
    assert f"<@{seen.delivery.user_id}>" in parent.text
    assert [m.thread_ts for m in seen.posted if m is not parent] == [parent.ts]
    assert seen.overheard == []
    assert seen.tags == DELIVERED_TAGS
    assert seen.audit[-1].payload["outcome"] == seen.delivery.outcome
    assert seen.audit[-1].payload["reason"] == seen.delivery.reason
    for request in seen.requests:
        headers = request.headers_without_key
        assert headers["accept-encoding"] == "identity"
        assert "content-type" not in headers
        if request not in seen.audio_requests:  # facts never need the raw key
            assert request.key_kind == "plain"
            continue
        assert headers["accept"] == "audio/wav"
        assert request.query == {
            "redacted": "false" if seen.delivery.outcome == "raw" else "true",
            "direction": seen.delivery.direction,
        }
