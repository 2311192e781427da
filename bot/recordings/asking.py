"""The use cases behind the surfaces: somebody asks for a recording, or for more of its call."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from bot.metrics import Metrics
from bot.polyai.agents import Agent
from bot.polyai.payloads import Direction
from bot.recordings.agents import choose_agent
from bot.recordings.asker import Asker
from bot.recordings.insiders import Insiders
from bot.recordings.kinds import DeliveryKind
from bot.recordings.presses import Presses
from bot.recordings.record import Delivery, DeliveryLog
from bot.recordings.reference import Reference
from bot.recordings.requests import NewRequest, RequestBook, StoredRequest


class Surface(StrEnum):
    """Where in Slack somebody asked."""

    COMMAND = "command"
    BUTTON = "button"
    DIGEST = "digest"
    MODAL = "modal"
    SHORTCUT = "shortcut"


class Asking:
    """Turns what people ask for into stored requests."""

    def __init__(
        self,
        *,
        book: RequestBook,
        deliveries: DeliveryLog,
        insiders: Insiders,
        agents: Mapping[str, Agent],
        metrics: Metrics,
    ) -> None:
        self._book = book
        self._presses = Presses(deliveries, insiders)
        self._agents = agents
        self._metrics = metrics

    async def recording(
        self,
        asker: Asker,
        reference: Reference,
        *,
        channel_id: str | None = None,
        direction: Direction = Direction.COMBINED,
        redacted: bool = False,
        thread_ts: str | None = None,
        surface: Surface = Surface.COMMAND,
    ) -> StoredRequest:
        """Store a request for a recording in ``channel_id``, else where it was asked for.

        It comes into the thread of ``thread_ts``; without one it starts a thread of its own.

        Raises:
            AgentNotConfigured: the reference is about an agent the bot does not know.
        """
        agent = choose_agent(self._agents, reference)
        return await self._store(
            NewRequest(
                team_id=asker.team_id,
                enterprise_id=asker.enterprise_id,
                user_id=asker.user_id,
                source=surface.value,
                trigger_id=asker.trigger_id,
                agent_name=agent.name,
                conversation_id=reference.conversation_id,
                direction=direction,
                asked_redacted=redacted,
                origin_channel_id=asker.channel_id,
                channel_id=channel_id or asker.channel_id,
                thread_ts=thread_ts,
                response_url=asker.response_url,
            )
        )

    async def raw_to_dm(self, asker: Asker, delivery_id: str) -> StoredRequest:
        """Store a request for the same recording in the asker's direct messages with the bot.

        Raises:
            NotYours: the delivery was not theirs.
        """
        first = await self._presses.of_requester(asker, delivery_id, "raw_to_dm")
        return await self._store(replace(_again(asker, first), channel_id=asker.user_id))

    async def once_more(self, asker: Asker, delivery_id: str) -> StoredRequest:
        """Store a request for the same recording in the place where it was asked for first.

        Raises:
            NotYours: the delivery was not theirs.
        """
        first = await self._presses.of_requester(asker, delivery_id, "once_more")
        place = first.channel_id or first.asked_channel_id  # the first one as it is named now
        return await self._store(
            replace(
                _again(asker, first),
                kind=first.kind,
                channel_id=place,
                thread_ts=first.asked_thread_ts,
            )
        )

    async def redacted_instead(self, asker: Asker, delivery_id: str) -> StoredRequest:
        """Store a request for the redacted variant in the thread a raw one was taken out of.

        Raises:
            Outsider: they are not of that workspace, or not in that conversation.
        """
        first = await self._presses.of_anybody_there(asker, delivery_id, "redacted_instead")
        return await self._store(
            replace(_again(asker, first), asked_redacted=True, thread_ts=first.parent_ts)
        )

    async def other_side(
        self, asker: Asker, delivery_id: str, direction: Direction
    ) -> StoredRequest:
        """Store a request for another side of the same call in the same thread.

        Raises:
            Outsider: they are not of that workspace, or not in that conversation.
        """
        first = await self._presses.of_anybody_there(asker, delivery_id, "other_side")
        return await self._store(
            replace(
                _again(asker, first),
                direction=direction,
                asked_redacted=first.asked_redacted,
                thread_ts=first.parent_ts,
            )
        )

    async def transcript(self, asker: Asker, delivery_id: str) -> StoredRequest:
        """Store a request for the transcript of the same call in the same thread.

        Raises:
            Outsider: they are not of that workspace, or not in that conversation.
        """
        first = await self._presses.of_anybody_there(asker, delivery_id, "transcript")
        return await self._store(
            replace(
                _again(asker, first),
                kind=DeliveryKind.TRANSCRIPT,
                direction=Direction.COMBINED,
                thread_ts=first.parent_ts,
            )
        )

    async def _store(self, request: NewRequest) -> StoredRequest:
        stored = await self._book.store(request)
        if not stored.is_repeat:
            self._metrics.requests.labels(source=request.source).inc()
        return stored


def _again(asker: Asker, first: Delivery) -> NewRequest:
    """Ask for the recording of an earlier delivery once more, where the button was pressed."""
    return NewRequest(
        team_id=asker.team_id,
        enterprise_id=asker.enterprise_id,
        user_id=asker.user_id,
        source=Surface.BUTTON.value,
        trigger_id=asker.trigger_id,
        agent_name=first.agent_name,
        conversation_id=first.conversation_id,
        direction=first.direction,
        asked_redacted=False,
        origin_channel_id=asker.channel_id,
        channel_id=asker.channel_id,
        response_url=asker.response_url,
    )
