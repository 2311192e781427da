"""The answers to `/callaudio-admin digest …`: calls one use case, and renders."""

from bot.access.administration import Actor
from bot.digests.digest_administration import DigestAdministration
from bot.slack.blocks import Message
from bot.slack.digest_admin import replies
from bot.slack.digest_admin.commands import (
    AddDigest,
    ChangeDigest,
    DigestCommand,
    DigestVerb,
    ListDigests,
)


class DigestAnswers:
    """Carries out an admin's command about digests, and answers."""

    def __init__(self, digests: DigestAdministration) -> None:
        self._digests = digests

    async def answer(self, actor: Actor, asked: DigestCommand) -> Message:
        """Return the private answer."""
        match asked:
            case AddDigest(draft):
                return replies.offered(await self._digests.preview(actor, draft))
            case ListDigests():
                return {"text": replies.listing(await self._digests.list(actor))}
            case ChangeDigest(verb, digest_id):
                return {"text": await self._change(actor, verb, digest_id)}

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
