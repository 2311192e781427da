"""Arranges what a scenario needs on a running stage, and waits for what comes of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from bot.access.grants import Effect, NewGrant, Right, Subject, SubjectKind, add_grant
from bot.cli.stage import AGENT_ID, Stage
from bot.recordings.states import ENDED
from bot.sandbox.delivery import Ack
from bot.sandbox.objects import Ephemeral, File
from bot.sandbox.polyai_calls import Recording, Request, Shape
from bot.store.tables import AuditEventRow, DeliveryRow
from bot.wiring import utc_now

CALL = "CA" + "0123456789abcdef" * 2
ALICE = "U0ALICE00"
"""Cleared for raw where a scenario says so."""
BOB = "U0BOB0000"
"""Never cleared."""
BOSS = "U0BOSS000"
CHANNEL = "C0QUALITY0"
PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Seen:
    """Everything that came of one request."""

    ack: Ack
    delivery: DeliveryRow
    files: Sequence[File]
    private: Sequence[Ephemeral]
    """What the asker alone was shown, the ack's text first."""
    audit: Sequence[AuditEventRow]
    requests: Sequence[Request]
    """What PolyAI was asked for, facts of the call included."""

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
        for user_id in (ALICE, BOB, BOSS):
            self.workspace.add_user(user_id)
        self.workspace.add_channel(CHANNEL, members=[ALICE])
        self.call()

    def call(self, conversation_id: str = CALL, shape: Shape = Shape.CONTENT_LENGTH) -> None:
        self.polyai.add_call(
            conversation_id, agent_id=AGENT_ID, recording=Recording.speech(), shape=shape
        )

    async def grant(
        self,
        user_id: str = ALICE,
        *,
        effect: Effect = Effect.GRANT,
        lasting: timedelta | None = None,
        right: Right = Right.PII,
    ) -> None:
        now = utc_now()
        new = NewGrant(
            subject=Subject(self.workspace.team_id, SubjectKind.USER, user_id),
            right=right,
            effect=effect,
            given_by=BOSS,
            reason="call quality",
            now=now,
            expires_at=now + lasting if lasting else None,
        )
        async with self.stage.application.database.write() as session:
            await add_grant(session, new)

    async def ask(self, text: str = CALL, *, user: str = ALICE, channel: str = CHANNEL) -> Seen:
        """Type `/callaudio text`, and wait until the delivery has ended."""
        private, requests = len(self.workspace.ephemerals), len(self.polyai.requests)
        ack = await self.people.command(user, channel, text)
        delivery = await self.ended(await self.latest())
        audit = await self.audit(delivery.id)
        return Seen(
            ack=ack,
            delivery=delivery,
            files=self.workspace.visible_files(delivery.destination_channel_id or channel),
            private=[e for e in self.workspace.ephemerals[private:] if e.user == user],
            audit=audit,
            requests=self.polyai.requests[requests:],
        )

    async def latest(self) -> str:
        """The newest delivery's id."""
        async with self.stage.application.database.read() as session:
            query = select(DeliveryRow.id).order_by(DeliveryRow.requested_at.desc()).limit(1)
            return str(await session.scalar(query))

    async def deliveries(self) -> list[DeliveryRow]:
        async with self.stage.application.database.read() as session:
            return list(await session.scalars(select(DeliveryRow)))

    async def ended(self, delivery_id: str) -> DeliveryRow:
        """Wait until the delivery has ended and everything about it was said."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                async with self.stage.application.database.read() as session:
                    row = await session.get(DeliveryRow, delivery_id)
                # The way to answer is forgotten last of all.
                if row and row.state in ENDED and row.response_url is None:
                    return row
                await asyncio.sleep(0.02)

    async def audit(self, delivery_id: str) -> list[AuditEventRow]:
        async with self.stage.application.database.read() as session:
            query = select(AuditEventRow).where(AuditEventRow.delivery_id == delivery_id)
            return list(await session.scalars(query.order_by(AuditEventRow.id)))
