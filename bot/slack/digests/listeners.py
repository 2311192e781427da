"""The buttons in digests: reads the payload, calls one use case, and acknowledges."""

from collections.abc import Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.polyai.identifiers import check_conversation_id
from bot.recordings.references.reference import Reference
from bot.recordings.requests.delivery_requests import DeliveryRequests, Surface
from bot.slack.ack_window import within_ack_window
from bot.slack.identifiers import Action
from bot.slack.payloads import requester_of_action, thread_of


class DigestListeners:
    """What people press in a digest."""

    def __init__(self, requests: DeliveryRequests) -> None:
        self._requests = requests

    def register(self, app: AsyncApp) -> None:
        """Register every listener with Bolt."""
        app.action(Action.GET_FROM_DIGEST.value)(self.get_call_audio)

    async def get_call_audio(
        self, ack: AsyncAck, body: Mapping[str, Any], action: Mapping[str, Any]
    ) -> None:
        """*Get call audio*: into the digest's thread, decided by the rights of the person."""
        agent_name, _, conversation_id = str(action["value"]).partition(":")
        storing = self._requests.recording(
            requester_of_action(body, action),
            Reference(check_conversation_id(conversation_id), agent_name=agent_name),
            thread_ts=thread_of(body),
            surface=Surface.DIGEST,
        )
        await within_ack_window(storing)
        await ack()
