"""The buttons on a delivered recording: each reads the payload and calls one use case."""

from collections.abc import Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.errors import UsageError
from bot.polyai.payloads import Direction
from bot.recordings.requests.delivery_requests import DeliveryRequests
from bot.recordings.take_back.deletion_requests import DeletionRequests
from bot.slack.ack_window import within_ack_window
from bot.slack.identifiers import Action
from bot.slack.payloads import chosen, requester_of_action


class CardListeners:
    """*Other side*, *Transcript* and *Delete*; each request is stored before the ack."""

    def __init__(self, requests: DeliveryRequests, deletion_requests: DeletionRequests) -> None:
        self._requests = requests
        self._deletion_requests = deletion_requests

    def register(self, app: AsyncApp) -> None:
        """Register every listener with Bolt."""
        app.action(Action.OTHER_SIDE.value)(self.other_side)
        app.action(Action.TRANSCRIPT.value)(self.transcript)
        app.action(Action.DELETE.value)(self.delete)

    async def other_side(
        self, ack: AsyncAck, body: Mapping[str, Any], action: Mapping[str, Any]
    ) -> None:
        """*Other side*: for everybody in the conversation, decided by their own rights."""
        side, _, delivery_id = chosen(action).partition(" ")
        if side not in list(Direction):
            raise UsageError(fix="Choose one of the sides that the menu offers.")
        requester = requester_of_action(body, action)
        asked = self._requests.other_side(requester, delivery_id, Direction(side))
        await within_ack_window(asked)
        await ack()

    async def transcript(
        self, ack: AsyncAck, body: Mapping[str, Any], action: Mapping[str, Any]
    ) -> None:
        """*Transcript*: for everybody in the conversation, decided by their own rights."""
        requester = requester_of_action(body, action)
        await within_ack_window(self._requests.transcript(requester, str(action["value"])))
        await ack()

    async def delete(
        self, ack: AsyncAck, body: Mapping[str, Any], action: Mapping[str, Any]
    ) -> None:
        """*Delete*: the message changes as soon as a worker has deleted the file."""
        asked = self._deletion_requests.ask(requester_of_action(body, action), str(action["value"]))
        await within_ack_window(asked)
        await ack()
