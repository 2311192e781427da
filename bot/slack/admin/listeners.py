"""The admins' command: reads the text, calls one use case, and renders."""

from collections.abc import Mapping
from typing import Any, Final

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.access.administration import Actor, Administration
from bot.access.grants import Effect, Subject
from bot.access.person import People
from bot.recordings.lookups.decision_explainer import DecisionExplainer
from bot.recordings.redaction.requests import RedactionRequests
from bot.slack.ack_window import within_ack_window
from bot.slack.admin import replies
from bot.slack.admin.commands import (
    AdminCommand,
    CheckRecording,
    Explain,
    Give,
    Help,
    ListAll,
    NamedSubject,
    Revoke,
    RightsCommand,
    Thaw,
    Who,
    parse_admin_command,
)
from bot.slack.blocks import Message
from bot.slack.digest_admin import replies as digest_replies
from bot.slack.digest_admin.commands import DigestCommand
from bot.slack.digest_admin.listeners import DigestAdminListeners
from bot.slack.identifiers import ADMIN_COMMAND
from bot.slack.payloads import actor_of_command

SEE_WHETHER: Final = (
    "`/callaudio-admin list` shows whether a change was made; try again if it was not."
)


class AdminListeners:
    """`/callaudio-admin`, answered privately in the ack."""

    def __init__(
        self,
        administration: Administration,
        explainer: DecisionExplainer,
        digests: DigestAdminListeners,
        redaction: RedactionRequests,
        people: People,
    ) -> None:
        self._administration = administration
        self._explainer = explainer
        self._digests = digests
        self._redaction = redaction
        self._people = people

    def register(self, app: AsyncApp) -> None:
        """Register the command with Bolt."""
        app.command(ADMIN_COMMAND)(self.command)

    async def command(self, ack: AsyncAck, command: Mapping[str, Any]) -> None:
        """`/callaudio-admin …`."""
        actor = actor_of_command(command)
        asked = parse_admin_command(str(command.get("text") or ""))
        message = await within_ack_window(self._answer(actor, asked), fix=SEE_WHETHER)
        await ack(**message, response_type="ephemeral")

    async def _answer(self, actor: Actor, asked: AdminCommand) -> Message:
        if isinstance(asked, DigestCommand):
            return await self._digests.answer(actor, asked)
        return {"text": await self._answer_in_text(actor, asked)}

    async def _answer_in_text(self, actor: Actor, asked: RightsCommand) -> str:
        administration = self._administration
        match asked:
            case Help():
                is_admin = await administration.is_admin(actor)
                everything = f"{replies.HELP}\n{digest_replies.HELP}"
                return everything if is_admin else replies.HELP_FOR_OTHERS
            case Give(effect, named, right, lasting, reason):
                grant = await administration.give(
                    actor, _subject(actor, named), right, effect, lasting=lasting, reason=reason
                )
                barred = None
                if effect is Effect.GRANT:
                    barred = await self._people.without_effect(grant)
                return replies.given(grant, barred)
            case Revoke(named, right):
                ended = await administration.revoke(actor, _subject(actor, named), right)
                return replies.revoked(ended)
            case ListAll():
                return replies.listed(await administration.list(actor, replies.MAX_LISTED))
            case Who(user_id):
                return replies.who(user_id, await administration.who(actor, user_id))
            case Explain(reference, user_id, channel_id):
                explanation = await self._explainer.explain(actor, reference, user_id, channel_id)
                return replies.explained(user_id, channel_id, explanation)
            case CheckRecording(reference, direction):
                await self._redaction.check(actor, reference, direction)
                return replies.CHECKING
            case Thaw(reason):
                await self._redaction.thaw(actor, reason)
                return replies.THAWED


def _subject(actor: Actor, named: NamedSubject) -> Subject:
    return Subject(actor.team_id, named.kind, named.id)
