"""A story on a running stage: its people, its clock, and their actions."""

import itertools
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import select

from bot.access.grants import Effect, NewGrant, Right, Subject, SubjectKind, add_grant
from bot.cli.stage import AGENT_ID, Stage, open_stage
from bot.digests.digest import DigestKind
from bot.digests.digest_draft import Draft
from bot.digests.digest_store import DigestStore
from bot.recordings.deliveries.delivery import ENDED, State
from bot.sandbox.objects import Ephemeral, Message, View
from bot.sandbox.person import SlackPerson
from bot.sandbox.polyai_calls import Recording
from bot.sandbox.render.reader import Reader
from bot.sandbox.workspace import Workspace
from bot.store.due_work_kinds import DueWorkKind
from bot.store.tables import DeliveryRow, DigestRunRow, DueWorkRow
from tests.polling import until

ANALYST, AGENT, ADMIN = "U0ANALYST0", "U0SUPPORT0", "U0ADMIN000"
"""Cleared; not cleared; decides."""
QUALITY, SUPPORT = "C0QUALITY0", "C0SUPPORT0"
"""Everyone cleared; not everyone."""
NAMES = {
    ANALYST: "Quality analyst",
    AGENT: "Support agent",
    ADMIN: "Workspace admin",
    QUALITY: "quality",
    SUPPORT: "support",
}
STARTS_AT = datetime(2026, 6, 3, 13, 30, tzinfo=UTC)


class Clock:
    """A clock that is set, so that the same story has the same times again."""

    def __init__(self) -> None:
        self.now = STARTS_AT

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


class Story:
    """The actions of a picture's people; each uses a new conversation."""

    def __init__(self, stage: Stage, clock: Clock) -> None:
        self.stage, self.clock = stage, clock
        self.workspace, self.people = stage.workspace, stage.people
        self._numbers = itertools.count(1)
        self._digests = 0

    def reader(self, user_id: str) -> Reader:
        return Reader.of(self.workspace, user_id, NAMES)

    def call(self, **about: Any) -> str:
        """Add a call that began a quarter of an hour ago; returns the conversation's id."""
        number = next(self._numbers)
        conversation_id = f"CA{sha256(f'call {number}'.encode()).hexdigest()[:32]}"
        began = self.clock.now - timedelta(minutes=15)
        usual = {"agent_id": AGENT_ID, "recording": Recording.speech(), "started_at": began}
        self.stage.polyai.add_call(conversation_id, **{**usual, **about})
        return conversation_id

    async def clear(self, user_id: str, *, given_by: str) -> None:
        """Grant a person the right to hear unredacted recordings."""
        grant = NewGrant(
            subject=Subject(self.workspace.team_id, SubjectKind.USER, user_id),
            right=Right.PII,
            effect=Effect.GRANT,
            given_by=given_by,
            reason="listens for call quality",
            now=self.clock.now,
        )
        async with self.stage.application.database.write() as session:
            await add_grant(session, grant)

    async def ask(
        self, user_id: str, channel_id: str, conversation_id: str, people: SlackPerson | None = None
    ) -> DeliveryRow:
        """Type `/callaudio` and a conversation, and wait for the result."""
        people = people or self.people
        # The reference that people see is derived from the trigger: the same one again.
        trigger_id = f"trigger-of-{conversation_id}"
        await people.command(user_id, channel_id, conversation_id, trigger_id=trigger_id)
        return await self.delivered(conversation_id)

    async def delivered(self, conversation_id: str) -> DeliveryRow:
        """Wait until a recording is visible and its requester is notified."""

        async def ended() -> DeliveryRow | None:
            async with self.stage.application.database.read() as session:
                its = select(DeliveryRow).where(DeliveryRow.conversation_id == conversation_id)
                row = await session.scalar(its)
                # The work is removed after the card is updated and the requester is notified.
                left = row and await session.get(DueWorkRow, (DueWorkKind.DELIVER, row.id))
            return row if row and row.state in ENDED and left is None else None

        row = await until(ended)
        assert row.state == State.DELIVERED, row.error_code
        return row

    async def press_for_modal(self, user_id: str, note: Ephemeral, label: str) -> View:
        """Press a button of a private note; returns the modal that it opens."""
        button = labelled(note.blocks, label)
        before = set(self.workspace.views)
        await self.people.block_action(
            user_id, note.channel, note.ts, button["action_id"], button["value"]
        )
        (view_id,) = await until(lambda: set(self.workspace.views) - before)
        return self.workspace.views[view_id]

    async def shortcut_modal(self, user_id: str, channel_id: str, message_ts: str) -> View:
        """Choose *Get call audio* on a message; returns the modal once it is filled in."""
        before = set(self.workspace.views)
        await self.people.message_shortcut(user_id, channel_id, message_ts)
        (view_id,) = await until(lambda: set(self.workspace.views) - before)
        return await until(
            lambda: view if (view := self.workspace.views[view_id]).body.get("submit") else None
        )

    def home_with(self, user_id: str, words: str) -> View | None:
        """A person's App Home, once it contains these words."""
        home = self.workspace.homes.get(user_id)
        return home if home and words in str(home.body) else None

    async def schedule(self, kind: str, timetable: str) -> str:
        """Add a digest to the quality channel; returns its id."""
        self._digests += 1
        draft = Draft(
            id=f"g{self._digests:010}",
            kind=DigestKind(kind),
            channel_id=QUALITY,
            agent_name="default" if kind == "calls" else "",
            timetable=timetable,
            zone="Europe/London",
        )
        store = DigestStore(database=self.stage.application.database, clock=self.clock)
        team_id = self.workspace.team_id
        await store.add(draft, team_id=team_id, owner_id=ADMIN, actor_id=ADMIN)
        return draft.id

    async def run_digest(self, digest_id: str) -> Message:
        """Type `/callaudio-admin digest run`, and wait for its audited end; returns the post."""
        before = {message.ts for message in self.workspace.messages(QUALITY)}
        await self.people.command(
            ADMIN, QUALITY, f"digest run {digest_id}", command="/callaudio-admin"
        )

        async def ended() -> bool:
            runs = select(DigestRunRow.ts).where(DigestRunRow.digest_id == digest_id)
            async with self.stage.application.database.read() as session:
                return await session.scalar(runs) is not None

        await until(ended)
        (message,) = (m for m in self.workspace.messages(QUALITY) if m.ts not in before)
        return message

    def a_day_of_calls(self) -> None:
        """Calls over the last 24 hours and the 24 before, more of them by day."""
        dice = random.Random(20260603)
        for hours_ago in range(48):
            hour = (self.clock.now - timedelta(hours=hours_ago)).hour
            for _ in range(dice.randint(1, 6) if 7 <= hour <= 19 else dice.randint(0, 1)):
                began = self.clock.now - timedelta(hours=hours_ago, minutes=dice.randint(1, 59))
                was_passed_on = dice.random() < 0.06
                reason = dice.choice(("billing question", "asked for a person", "complaint"))
                self.call(
                    started_at=began,
                    finished_at=began + timedelta(seconds=round(dice.lognormvariate(4.7, 0.4))),
                    handoff=was_passed_on,
                    row={"handoffReason": reason if was_passed_on else None},
                )

    def note_to(self, user_id: str) -> Ephemeral:
        """The last private message to a person."""
        return [note for note in self.workspace.ephemerals if note.user == user_id][-1]


def labelled(blocks: Any, label: str) -> Mapping[str, Any]:
    """The button with this label."""
    (found,) = [
        element
        for block in blocks
        for element in block.get("elements", ())
        if element.get("type") == "button" and element["text"]["text"] == label
    ]
    return found


@asynccontextmanager
async def open_story(database_url: str) -> AsyncIterator[Story]:
    """The stage with the story's people and channels on it, on a migrated database."""
    clock = Clock()
    workspace = Workspace(clock=clock.seconds)
    environment = {"CALLAUDIO_ADMINS": ADMIN}
    async with open_stage(
        database_url, environment=environment, workspace=workspace, clock=clock
    ) as stage:
        for user_id in (ANALYST, AGENT, ADMIN):
            workspace.add_user(user_id)
        workspace.add_channel(QUALITY, members=[ANALYST], is_private=True)
        workspace.add_channel(SUPPORT, members=[ANALYST, AGENT], is_private=True)
        story = Story(stage, clock)
        await story.clear(ANALYST, given_by=ADMIN)
        yield story
