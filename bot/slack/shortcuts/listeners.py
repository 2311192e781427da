"""*Get call audio* on a message: reads the payload, calls one use case, and renders."""

from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.access.administration import Actor
from bot.recordings.lookups.delivery_previewer import DeliveryPreviewer
from bot.recordings.references.mentions import find_mentions
from bot.recordings.requests.delivery_requests import DeliveryRequests, Surface
from bot.slack.ack_window import within_ack_window
from bot.slack.blocks import View
from bot.slack.identifiers import GET_CALL_SHORTCUT, Action, ModalCallback
from bot.slack.modals import Modals
from bot.slack.payloads import actor_of, direction_of, requester_of_submission
from bot.slack.shortcuts import form
from bot.slack.shortcuts.form import Thread


class ShortcutListeners:
    """The shortcut, its form, and the choices in the form."""

    def __init__(
        self, requests: DeliveryRequests, previewer: DeliveryPreviewer, modals: Modals
    ) -> None:
        self._requests = requests
        self._previewer = previewer
        self._modals = modals

    def register(self, app: AsyncApp) -> None:
        """Register every listener with Bolt."""
        app.message_shortcut(GET_CALL_SHORTCUT)(self.open_form)
        app.action(Action.CHOOSE_CALL.value)(self.choose)
        app.action(Action.CHOOSE_REDACTED.value)(self.choose)
        app.view(ModalCallback.GET_CALL_AUDIO.value)(self.submit_form)

    async def open_form(self, ack: AsyncAck, body: Mapping[str, Any]) -> None:
        """*Get call audio*: the form opens at once and is filled in afterwards."""

        async def fill() -> View:
            return await self._draw_first(body)

        await self._modals.open(str(body["trigger_id"]), form.TITLE, fill)
        await ack()

    async def choose(self, ack: AsyncAck, body: Mapping[str, Any]) -> None:
        """Another call, or redacted, is chosen: the form shows the new expected decision."""
        view = body["view"]

        async def fill() -> View:
            return await self._draw(actor_of(body), form.thread_of(view), view)

        self._modals.refill(str(view["id"]), fill)
        await ack()

    async def submit_form(
        self, ack: AsyncAck, body: Mapping[str, Any], view: Mapping[str, Any]
    ) -> None:
        """The submitted form: the request is stored before the ack."""
        thread = form.thread_of(view)
        reference = form.reference_of(thread, view)
        self._modals.leave(str(view["id"]))
        direction, redacted = direction_of(view), form.filled(thread, view).redacted
        chosen = (*astuple(reference), direction, redacted)
        storing = self._requests.recording(
            requester_of_submission(body, view, thread.channel_id, *chosen),
            reference,
            channel_id=None,
            thread_ts=thread.thread_ts,
            direction=direction,
            redacted=redacted,
            surface=Surface.SHORTCUT,
        )
        stored = await within_ack_window(storing)
        await ack(response_action="update", view=form.accepted(stored, reference.conversation_id))

    async def _draw_first(self, body: Mapping[str, Any]) -> View:
        message = body["message"]
        found = self._previewer.sort(find_mentions(message))
        thread = Thread(
            channel_id=str(body["channel"]["id"]),
            thread_ts=str(message.get("thread_ts") or message["ts"]),
            choices=found.choices,
            not_configured=found.not_configured,
        )
        return await self._draw(actor_of(body), thread, {})

    async def _draw(self, actor: Actor, thread: Thread, view: Mapping[str, Any]) -> View:
        state = form.filled(thread, view)
        preview = await self._previewer.preview(
            actor, state.chosen, thread.channel_id, asked_redacted=state.redacted
        )
        return form.form(thread, state, preview)
