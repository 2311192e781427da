"""*Waveform*: reads the payload, calls one use case, and renders."""

from collections.abc import Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.recordings.lookups.waveform_viewer import WaveformViewer
from bot.slack.blocks import View
from bot.slack.identifiers import Action
from bot.slack.modals import Modals
from bot.slack.payloads import actor_of
from bot.slack.recordings import waveform_modal


class WaveformListener:
    """The button on a delivered recording."""

    def __init__(self, viewer: WaveformViewer, modals: Modals) -> None:
        self._viewer = viewer
        self._modals = modals

    def register(self, app: AsyncApp) -> None:
        """Register the listener with Bolt."""
        app.action(Action.WAVEFORM.value)(self.waveform)

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
