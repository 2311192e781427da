"""Use cases of a requester: request a recording, or another file of the same call."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Final

from bot.observability.metrics import Metrics
from bot.polyai.agents import Agent
from bot.polyai.payloads import Direction
from bot.recordings.deliveries.delivery import Delivery, DeliveryKind
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.references.agents import choose_agent
from bot.recordings.references.reference import Reference
from bot.recordings.requests.authorization import (
    ActionAuthorization,
    Requester,
    WorkspaceMembership,
)
from bot.recordings.requests.new_request import NewRequest
from bot.recordings.requests.request_store import RequestStore
from bot.recordings.requests.request_writer import StoredRequest

SEND_AGAIN: Final = "once_more"
"""The name of this use case in audit events that are already stored."""


class Surface(StrEnum):
    """Where in Slack a request was made."""

    COMMAND = "command"
    BUTTON = "button"
    DIGEST = "digest"
    MODAL = "modal"
    SHORTCUT = "shortcut"


class DeliveryRequests:
    """Stores requests for recordings and transcripts."""

    def __init__(
        self,
        *,
        store: RequestStore,
        deliveries: DeliveryStore,
        membership: WorkspaceMembership,
        agents: Mapping[str, Agent],
        metrics: Metrics,
    ) -> None:
        self._requests = store
        self._authorization = ActionAuthorization(deliveries, membership)
        self._agents = agents
        self._metrics = metrics

    async def recording(
        self,
        requester: Requester,
        reference: Reference,
        *,
        channel_id: str | None = None,
        direction: Direction = Direction.COMBINED,
        redacted: bool = False,
        thread_ts: str | None = None,
        surface: Surface = Surface.COMMAND,
    ) -> StoredRequest:
        """Store a request for a recording, for ``channel_id`` or the conversation of the requester.

        It is posted in the thread ``thread_ts``, or starts a new thread.

        Raises:
            AgentNotConfigured: the settings do not contain the agent of the reference.
        """
        agent = choose_agent(self._agents, reference)
        return await self._store(
            NewRequest(
                requester=requester,
                source=surface.value,
                agent_name=agent.name,
                conversation_id=reference.conversation_id,
                direction=direction,
                asked_redacted=redacted,
                channel_id=channel_id or requester.channel_id,
                thread_ts=thread_ts,
            )
        )

    async def raw_to_dm(self, requester: Requester, delivery_id: str) -> StoredRequest:
        """Store a request for the same recording in the requester's direct messages with the bot.

        Raises:
            NotYours: the delivery was not theirs.
        """
        first = await self._authorization.of_requester(requester, delivery_id, "raw_to_dm")
        own_id = requester.actor.user_id
        return await self._store(replace(_again(requester, first), channel_id=own_id))

    async def send_again(self, requester: Requester, delivery_id: str) -> StoredRequest:
        """Store a request for the same recording, or transcript, with the same destination.

        Raises:
            NotYours: the delivery was not theirs.
        """
        first = await self._authorization.of_requester(requester, delivery_id, SEND_AGAIN)
        place = first.channel_id or first.asked_channel_id  # its id may have changed since
        return await self._store(
            replace(
                _again(requester, first),
                kind=first.kind,
                channel_id=place,
                thread_ts=first.asked_thread_ts,
            )
        )

    async def redacted_instead(self, requester: Requester, delivery_id: str) -> StoredRequest:
        """Store a request for the redacted variant in the thread of a raw file taken back.

        Raises:
            Outsider: the person is of another workspace, or in another conversation.
        """
        first = await self._authorization.of_anybody_there(
            requester, delivery_id, "redacted_instead"
        )
        return await self._store(
            replace(_again(requester, first), asked_redacted=True, thread_ts=first.parent_ts)
        )

    async def other_side(
        self, requester: Requester, delivery_id: str, direction: Direction
    ) -> StoredRequest:
        """Store a request for another side of the same call in the same thread.

        Raises:
            Outsider: the person is of another workspace, or in another conversation.
        """
        first = await self._authorization.of_anybody_there(requester, delivery_id, "other_side")
        return await self._store(
            replace(
                _again(requester, first),
                direction=direction,
                asked_redacted=first.asked_redacted,
                thread_ts=first.parent_ts,
            )
        )

    async def transcript(self, requester: Requester, delivery_id: str) -> StoredRequest:
        """Store a request for the transcript of the same call in the same thread.

        Raises:
            Outsider: the person is of another workspace, or in another conversation.
        """
        first = await self._authorization.of_anybody_there(requester, delivery_id, "transcript")
        return await self._store(
            replace(
                _again(requester, first),
                kind=DeliveryKind.TRANSCRIPT,
                direction=Direction.COMBINED,
                thread_ts=first.parent_ts,
            )
        )

    async def _store(self, request: NewRequest) -> StoredRequest:
        stored = await self._requests.store(request)
        if not stored.is_repeat:
            self._metrics.requests.labels(source=request.source).inc()
        return stored


def _again(requester: Requester, first: Delivery) -> NewRequest:
    """Build a request for an earlier delivery's recording, in the conversation of the press."""
    return NewRequest(
        requester=requester,
        source=Surface.BUTTON.value,
        agent_name=first.agent_name,
        conversation_id=first.conversation_id,
        direction=first.direction,
        asked_redacted=False,
        channel_id=requester.channel_id,
    )
