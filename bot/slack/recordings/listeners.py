"""Listeners for recordings: each reads the payload, calls one use case, and renders."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.access.person import People
from bot.errors import UsageError
from bot.polyai.payloads import Direction
from bot.recordings.lookups.waveform_viewer import WaveformViewer
from bot.recordings.requests.authorization import Requester
from bot.recordings.requests.delivery_requests import DeliveryRequests
from bot.recordings.take_back.deletion_requests import DeletionRequests
from bot.slack.ack_window import within_ack_window
from bot.slack.blocks import View
from bot.slack.identifiers import COMMAND, Action
from bot.slack.modals import Modals
from bot.slack.payloads import (
    actor_of,
    actor_of_command,
    chosen,
    requester_of_action,
    requester_of_command,
)
from bot.slack.recordings import ack_texts, waveform_modal
from bot.slack.recordings.command_text import AskForHelp, parse_command


class RecordingListeners:
    """The command, and the buttons of cards and private notes."""

    def __init__(
        self,
        *,
        requests: DeliveryRequests,
        deletion_requests: DeletionRequests,
        viewer: WaveformViewer,
        people: People,
        modals: Modals,
    ) -> None:
        self._requests = requests
        self._deletion_requests = deletion_requests
        self._viewer = viewer
        self._people = people
        self._modals = modals

    def register(self, app: AsyncApp) -> None:
        """Register every listener with Bolt."""
        app.command(COMMAND)(self.command)
        app.action(Action.OTHER_SIDE.value)(self.other_side)
        app.action(Action.WAVEFORM.value)(self.waveform)
        for action, use_case in (
            (Action.RAW_TO_DM, self._requests.raw_to_dm),
            (Action.REDACTED_INSTEAD, self._requests.redacted_instead),
            (Action.SEND_AGAIN, self._requests.send_again),
            (Action.TRANSCRIPT, self._requests.transcript),
            (Action.DELETE, self._deletion_requests.ask),
        ):
            app.action(action.value)(_button_listener(use_case))

    async def command(self, ack: AsyncAck, command: Mapping[str, Any]) -> None:
        """`/callaudio …`: the request is stored before Slack is answered."""
        asked = parse_command(str(command.get("text") or ""))
        if isinstance(asked, AskForHelp):
            actor = actor_of_command(command)
            reading = self._people.read_or_unknown(actor.team_id, actor.user_id)
            text = ack_texts.help_for(await within_ack_window(reading))
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
        text = ack_texts.accepted(stored, asked.reference.conversation_id)
        await ack(text=text, response_type="ephemeral")

    async def other_side(
        self, ack: AsyncAck, body: Mapping[str, Any], action: Mapping[str, Any]
    ) -> None:
        """*Other side*: for everybody in the conversation, decided by their own rights."""
        side, _, delivery_id = chosen(action).partition(" ")
        if side not in list(Direction):
            raise UsageError(fix="Choose one of the sides that the menu offers.")
        requester = requester_of_action(body, action)
        await within_ack_window(self._requests.other_side(requester, delivery_id, Direction(side)))
        await ack()

    async def waveform(
        self, ack: AsyncAck, body: Mapping[str, Any], action: Mapping[str, Any]
    ) -> None:
        """*Waveform*: for everybody in the conversation; the decision is taken now."""
        actor, delivery_id = actor_of(body), str(action["value"])
        channel_id = str((body.get("channel") or {}).get("id"))

        async def fill() -> View:
            return waveform_modal.view(await self._viewer.waveform(actor, channel_id, delivery_id))

        await self._modals.open(str(body["trigger_id"]), waveform_modal.TITLE, fill)
        await ack()


def _button_listener(
    use_case: Callable[[Requester, str], Awaitable[object]],
) -> Callable[..., Awaitable[None]]:
    """Listen to a button that names its delivery; the use case authorises the press."""

    async def listen(ack: AsyncAck, body: Mapping[str, Any], action: Mapping[str, Any]) -> None:
        await within_ack_window(use_case(requester_of_action(body, action), str(action["value"])))
        await ack()

    return listen
