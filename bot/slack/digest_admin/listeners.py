"""Scheduling digests by buttons and forms: reads the payload, calls one use case, and renders."""

from collections.abc import Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.digests.digest_administration import DigestAdministration
from bot.slack.ack_window import within_ack_window
from bot.slack.blocks import View, notice
from bot.slack.digest_admin import form, replies
from bot.slack.digest_admin.drafts import unpack
from bot.slack.error_answers import ErrorAnswers
from bot.slack.identifiers import Action, ModalCallback
from bot.slack.modals import Modals
from bot.slack.payloads import actor_of


class DigestAdminListeners:
    """*Save*, *Add a digest*, and its form."""

    def __init__(
        self, digests: DigestAdministration, modals: Modals, answers: ErrorAnswers
    ) -> None:
        self._digests = digests
        self._answers = answers
        self._modals = modals

    def register(self, app: AsyncApp) -> None:
        """Register every listener with Bolt."""
        app.action(Action.SAVE_DIGEST.value)(self.save)
        app.action(Action.ADD_DIGEST.value)(self.open_form)
        app.view(ModalCallback.ADD_DIGEST.value)(self.submit_form)
        app.view(ModalCallback.SAVE_DIGEST.value)(self.submit_confirmation)

    async def save(self, ack: AsyncAck, body: Mapping[str, Any], action: Mapping[str, Any]) -> None:
        """*Save* below the answer to the command; the new answer replaces that one."""
        draft = unpack(str(action["value"]))
        digest = await within_ack_window(self._digests.save(actor_of(body), draft))
        await ack()
        answer = {"text": replies.saved(digest)}
        await self._answers.respond(body, answer, replace_original=True)

    async def open_form(self, ack: AsyncAck, body: Mapping[str, Any]) -> None:
        """*Add a digest* in App Home; the form also shows errors, as App Home cannot."""
        actor = actor_of(body)

        async def fill() -> View:
            return form.form(await self._digests.offer(actor))

        await self._modals.open(str(body["trigger_id"]), form.TITLE, fill)
        await ack()

    async def submit_form(
        self, ack: AsyncAck, body: Mapping[str, Any], view: Mapping[str, Any]
    ) -> None:
        """The submitted form: shows the confirmation in its place."""
        draft = form.draft_of(view)
        preview = await within_ack_window(self._digests.preview(actor_of(body), draft))
        await ack(response_action="update", view=form.confirmation(preview))

    async def submit_confirmation(
        self, ack: AsyncAck, body: Mapping[str, Any], view: Mapping[str, Any]
    ) -> None:
        """*Save* in the confirmation: the digest is stored before the form confirms it."""
        draft = unpack(str(view.get("private_metadata") or ""))
        digest = await within_ack_window(self._digests.save(actor_of(body), draft))
        await ack(response_action="update", view=notice(replies.saved(digest)))
