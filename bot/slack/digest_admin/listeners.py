"""Scheduling digests by command, buttons and forms: calls one use case, and renders."""

from collections.abc import Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.access.administration import Actor
from bot.digests.digest_administration import DigestAdministration
from bot.digests.digest_draft import Draft
from bot.slack.ack_window import within_ack_window
from bot.slack.blocks import Message, View, notice
from bot.slack.digest_admin import form, replies
from bot.slack.digest_admin.commands import ChangeDigest, DigestCommand, DigestVerb, ListDigests
from bot.slack.digest_admin.drafts import unpack
from bot.slack.error_answers import ErrorAnswers
from bot.slack.identifiers import Action, ModalCallback
from bot.slack.modals import Modals
from bot.slack.payloads import actor_of


class DigestAdminListeners:
    """`/callaudio-admin digest …`, *Save*, *Add a digest*, and its form."""

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

    async def answer(self, actor: Actor, asked: DigestCommand) -> Message:
        """Return the private answer to a command; ``AdminListeners`` has parsed it."""
        match asked:
            case Draft():
                return replies.offered(await self._digests.preview(actor, asked))
            case ListDigests():
                return {"text": replies.listing(await self._digests.list(actor))}
            case ChangeDigest(verb, digest_id):
                return {"text": await self._change(actor, verb, digest_id)}

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

    async def _change(self, actor: Actor, verb: DigestVerb, digest_id: str) -> str:
        match verb:
            case DigestVerb.PAUSE:
                return replies.paused(await self._digests.pause(actor, digest_id))
            case DigestVerb.RESUME:
                return replies.resumed(await self._digests.resume(actor, digest_id))
            case DigestVerb.REMOVE:
                return replies.removed(await self._digests.remove(actor, digest_id))
            case DigestVerb.RUN:
                return replies.running(await self._digests.run(actor, digest_id))
