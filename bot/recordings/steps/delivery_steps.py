"""The steps of one delivery up to its share, in the order in which the workflow runs them.

Each may run twice: it reads what is stored, does what is missing, and stores what it did.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

from bot.access.directory import Conversation, is_direct_message
from bot.access.policy import audited_facts
from bot.access.policy_evaluation import Evaluation, Question
from bot.audit.events import AuditTag
from bot.errors import CallAudioError
from bot.polyai.agents import Agent
from bot.recordings.deliveries.delivery import Delivery, State
from bot.recordings.deliveries.delivery_rows import muted_columns
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.deliveries.destination import Destinations, read_result
from bot.recordings.deliveries.naming import destination_of
from bot.recordings.deliveries.slack_errors import ConversationUnseen
from bot.recordings.deliveries.slack_port import SlackPort
from bot.recordings.steps.announcing import Announcing
from bot.recordings.steps.delivery_decision import DeliveryDecider
from bot.recordings.steps.share_attempts import ShareResult
from bot.recordings.steps.sharing import Sharing, decided
from bot.recordings.steps.uploading import Upload, Uploading
from bot.recordings.transfer.relay import Source
from bot.recordings.waveform.pictures import muted_in

Gate = Callable[[Delivery, Upload], Awaitable[None]]
"""Raises if the upload must not be shared."""
PICTURE_GRACE_SECONDS: Final = 0.25
"""Usually the picture is ready by then and is stored together with its recording."""


class AgentRemoved(CallAudioError):
    """The agent was removed from the settings after the request was stored."""

    code = "agent_unknown"
    what = "That agent is no longer configured."
    likely_cause = "The settings were changed after the request."
    fix = "Ask the callaudio operator to add it to POLYAI_AGENTS."


class TranscriptRefused(CallAudioError):
    """The decision does not allow raw, so the transcript is not fetched."""

    code = "transcript_refused"
    what = "The transcript may no longer be fetched."
    likely_cause = "A right, or the people in the conversation, changed in the meantime."
    fix = "Press *Transcript* again to see why."


class DeliverySteps:
    """The steps of a delivery: begin, decide, upload (which announces), share."""

    def __init__(
        self,
        *,
        deliveries: DeliveryStore,
        destinations: Destinations,
        decider: DeliveryDecider,
        uploading: Uploading,
        sharing: Sharing,
        slack: SlackPort,
        agents: Mapping[str, Agent],
        gate: Gate | None = None,
    ) -> None:
        self._deliveries = deliveries
        self._destinations = destinations
        self._decider = decider
        self._uploading = uploading
        self._sharing = sharing
        self._announcing = Announcing(deliveries=deliveries, destinations=destinations, slack=slack)
        self._agents = agents
        self._gate = gate

    async def begin(self, delivery_id: str) -> Delivery:
        """Read the delivery."""
        return await self._deliveries.read(delivery_id)

    async def decide(self, delivery: Delivery) -> tuple[Delivery, Conversation | None]:
        """Determine the destination, decide, and store both in one transaction.

        Returns the conversation too if it was read. The decision is stored once: a second run of
        this step must not change the variant of an upload. Later only the decision of the share
        changes it, and that drops the upload.

        Raises:
            AgentRemoved: the agent is no longer in the settings.
            ConversationUnseen, ConversationArchived: the bot cannot post there.
        """
        self._agent(delivery)
        if delivery.outcome is not None:
            return delivery, None
        if not delivery.channel_id and delivery.asked_channel_id == delivery.user_id:
            delivery = await self._destinations.redirect_to_direct_messages(delivery)
        channel_id = delivery.channel_id or delivery.asked_channel_id
        # Read once, for the decision and for whether the bot can post there.
        reading = asyncio.ensure_future(self._destinations.read(channel_id))
        try:
            evaluation = await self._decider.decide(
                self._question(delivery, channel_id), delivery, reading
            )
        except CallAudioError:
            read_result(reading)
            raise
        try:
            conversation = read_result(reading)
        except ConversationUnseen:
            if delivery.channel_id or not is_direct_message(channel_id):
                raise
            # A direct message between two other people: no bot can post there.
            return await self.decide(await self._destinations.redirect_to_direct_messages(delivery))
        decision = evaluation.decision
        stored = await self._deliveries.change(
            delivery,
            {"destination_channel_id": channel_id, **decided(evaluation)},
            tag=AuditTag.DELIVERY_DECIDED,
            payload={
                "outcome": decision.outcome.value,
                "reason": decision.reason.value,
                **audited_facts(evaluation.facts),
            },
            when={"outcome": None, "asked_channel_id": delivery.asked_channel_id},
        )
        if stored is None:
            stored = await self._deliveries.read(delivery.id)
            if stored.asked_channel_id != delivery.asked_channel_id:
                return await self.decide(stored)  # the channel got another id meanwhile
        return stored, conversation

    async def upload(
        self, delivery: Delivery, conversation: Conversation | None
    ) -> tuple[Delivery, Evaluation | None]:
        """Fetch the recording into an invisible upload, and decide again after its last byte.

        The recording is opened and checked, then the card is posted, then the bytes are relayed.
        The picture follows in the same step; if the worker is killed in between, there is none.
        The new decision is for the share that follows at once; if the picture is late, no decision
        is returned, and ``share`` takes it. The gate checks the upload before it is stored, so a
        rejected one is never completed. If the raw key was removed after the first decision, no
        recording is fetched, and only the new decision is returned.
        """
        if delivery.file_id:
            # It was stored after its last byte and may be visible: never send a second file.
            return delivery, None
        if delivery.is_raw and not self._has_raw_key(delivery):
            return delivery, await self._decider.decide(self._question(delivery), delivery)

        card_ts: str | None = None

        async def announce() -> str:
            nonlocal card_ts  # a recording whose header is wrong is uploaded twice
            card_ts = card_ts or await self._announcing.announce(delivery, conversation)
            return card_ts

        source = self._source(delivery)
        fetched = (
            self._uploading.transcript(delivery, source, announce)
            if delivery.is_transcript
            else self._uploading.recording(delivery, source, announce)
        )
        async with fetched as upload:
            if self._gate:
                await self._gate(delivery, upload)
            picture = upload.picture
            picture_id = await picture.file_id(PICTURE_GRACE_SECONDS) if picture else None
            if picture and picture_id is None:
                return await self._stored(delivery, upload, None), None
            # Nothing is left to upload, so this decision is as recent as one after the store.
            arrived = replace(delivery, waiting_since=None)
            deciding = asyncio.ensure_future(
                self._decider.decide(self._question(delivery), arrived)
            )
            try:
                stored = await self._stored(delivery, upload, picture_id)
                return stored, await deciding if stored.file_id == upload.file_id else None
            finally:
                deciding.cancel()
                await asyncio.gather(deciding, return_exceptions=True)

    async def _stored(self, delivery: Delivery, upload: Upload, picture_id: str | None) -> Delivery:
        """Store the upload, unless another worker was faster or a freeze was lifted meanwhile.

        Returns what is stored.
        """
        picture, measured = upload.picture, upload.measured
        muted = muted_in(delivery, picture.outline if picture else None)
        stored = await self._deliveries.change(
            delivery,
            {
                "file_id": upload.file_id,
                "picture_file_id": picture_id,
                "size_bytes": measured.size_bytes,
                "length_seconds": measured.length_seconds,
                "encoding": measured.encoding,
                "state": State.UPLOADED.value,
                "waiting_since": None,
                **muted_columns(muted),
            },
            tag=AuditTag.DELIVERY_UPLOADED,
            payload={"file_id": upload.file_id, "outcome": delivery.outcome},
            when={"file_id": None, "outcome": delivery.outcome, "thawed_at": delivery.thawed_at},
        )
        if not stored:
            # This file is never completed, so Slack discards it.
            return await self._deliveries.read(delivery.id)
        if picture and picture_id is None:
            # After the recording's own id: it must not be fetched again for a picture. Once a share
            # was tried it is too late: what is visible must be what the store knows.
            picture_id = await picture.file_id()
            if picture_id:
                with_picture = await self._deliveries.change(
                    delivery,
                    {"picture_file_id": picture_id},
                    when={"file_id": upload.file_id, "share_tried_at": None},
                )
                return with_picture or await self._deliveries.read(delivery.id)
        return stored

    async def share(self, delivery: Delivery, evaluation: Evaluation | None) -> ShareResult:
        """Share the upload under the decision that was just taken, or decide again."""
        return await self._sharing.share(delivery, self._question(delivery), evaluation)

    def _agent(self, delivery: Delivery) -> Agent:
        agent = self._agents.get(delivery.agent_name)
        if agent is None:
            raise AgentRemoved
        return agent

    def _has_raw_key(self, delivery: Delivery) -> bool:
        return self._agent(delivery).pii_api_key is not None

    def _question(self, delivery: Delivery, channel_id: str | None = None) -> Question:
        """Build the question about ``channel_id``, or the destination that was determined."""
        return Question(
            team_id=delivery.team_id,
            user_id=delivery.user_id,
            channel_id=channel_id or destination_of(delivery),
            asked_redacted=delivery.asked_redacted,
            has_raw_key=self._has_raw_key(delivery),
            raw_only=delivery.is_transcript,
        )

    def _source(self, delivery: Delivery) -> Source:
        """Build the source to fetch.

        Raises:
            TranscriptRefused: a transcript that may not be raw; PolyAI is not asked.
        """
        if delivery.is_transcript and not delivery.is_raw:
            raise TranscriptRefused
        return Source(
            team_id=delivery.team_id,
            agent=self._agent(delivery),
            conversation_id=delivery.conversation_id,
            direction=delivery.direction,
            raw=delivery.is_raw,
        )
