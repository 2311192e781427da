"""Listeners for recordings: each reads the payload, calls one use case, and renders."""

from collections.abc import Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.access.person import People
from bot.recordings.requests.delivery_requests import DeliveryRequests
from bot.slack.ack_window import within_ack_window
from bot.slack.identifiers import COMMAND, Action
from bot.slack.payloads import actor_of_command, requester_of_action, requester_of_command
from bot.slack.recordings import replies
from bot.slack.recordings.command_text import AskForHelp, parse_command


class Listeners:
    """The command and the buttons of private notes."""

    def __init__(self, requests: DeliveryRequests, people: People) -> None:
        self._requests = requests
        self._people = people

    def register(self, app: AsyncApp) -> None:
        """Register every listener with Bolt."""
        app.command(COMMAND)(self.command)
        app.action(Action.RAW_TO_DM.value)(self.raw_to_dm)
        app.action(Action.REDACTED_INSTEAD.value)(self.redacted_instead)
        app.action(Action.SEND_AGAIN.value)(self.send_again)

    async def command(self, ack: AsyncAck, command: Mapping[str, Any]) -> None:
        """`/callaudio …`: the request is stored before Slack is answered."""
        asked = parse_command(str(command.get("text") or ""))
        if isinstance(asked, AskForHelp):
            actor = actor_of_command(command)
            reading = self._people.read_or_unknown(actor.team_id, actor.user_id)
            text = replies.help_for(await within_ack_window(reading))
            await ack(text=text, response_type="ephemeral")
            return
        storing = self._requests.recording(
            requester_of_command(command),
            asked.reference,
            channel_id=asked.channel_id,
            direction=asked.direction,
            redacted=asked.redacted,
        )
        stored = await within_ack_window(storing)
        text = replies.accepted(stored, asked.reference.conversation_id)
        await ack(text=text, response_type="ephemeral")

    async def raw_to_dm(
        self, ack: AsyncAck, body: Mapping[str, Any], action: Mapping[str, Any]
    ) -> None:
        """*Send the unredacted recording to my direct messages*: a new decision for that place."""
        requester = requester_of_action(body, action)
        await within_ack_window(self._requests.raw_to_dm(requester, str(action["value"])))
        await ack()

    async def redacted_instead(
        self, ack: AsyncAck, body: Mapping[str, Any], action: Mapping[str, Any]
    ) -> None:
        """*Fetch redacted instead*: for everybody in the conversation, decided by their rights."""
        requester = requester_of_action(body, action)
        await within_ack_window(self._requests.redacted_instead(requester, str(action["value"])))
        await ack()

    async def send_again(
        self, ack: AsyncAck, body: Mapping[str, Any], action: Mapping[str, Any]
    ) -> None:
        """*Send it now*: the same recording in the same place, with a new decision."""
        requester = requester_of_action(body, action)
        await within_ack_window(self._requests.send_again(requester, str(action["value"])))
        await ack()
