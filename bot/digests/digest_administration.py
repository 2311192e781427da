"""The admins' use cases for digests: preview, save, list, pause, resume, remove and run."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from bot.access.administration import Actor, Administration
from bot.access.directory import Directory
from bot.digests.digest import Digest
from bot.digests.digest_draft import DigestPreview, Draft, normalized, preview
from bot.digests.digest_store import DigestStore
from bot.digests.slot_claims import SlotClaims
from bot.digests.steps import check_channel
from bot.digests.timetable import Timetable
from bot.digests.timetable_text import read_timetable, timetable_of
from bot.digests.zone_names import ZoneUnknown
from bot.store.idempotency import AlreadyDone

NO_SUCH_ZONE = "never, as my machine does not know the time zone"


@dataclass(frozen=True, slots=True)
class ListedDigest:
    """A digest and its next run; None while it is paused.

    If this machine does not know its time zone, the next run says so instead.
    """

    digest: Digest
    in_words: str
    next_run: str | None


def listed(digest: Digest, now: datetime) -> ListedDigest:
    """Return the digest with its schedule in words and its next run."""
    is_running = digest.paused_because is None
    try:
        timetable: Timetable = timetable_of(digest)
    except ZoneUnknown:  # one digest must not hide the others
        in_words = read_timetable(digest.timetable, "UTC").in_words()
        return ListedDigest(digest, in_words, NO_SUCH_ZONE if is_running else None)
    next_run = timetable.moment(timetable.after(now), now) if is_running else None
    return ListedDigest(digest, timetable.in_words(), next_run)


class DigestAdministration:
    """The admins' use cases.

    Each raises NotAdmin unless the actor is an admin now, and DigestUnknown if the workspace has
    no such digest. A change is made once for each trigger: a repeated request raises AlreadyDone.
    NotAdmin and AlreadyDone are audited.
    """

    def __init__(
        self,
        *,
        administration: Administration,
        store: DigestStore,
        claims: SlotClaims,
        directory: Directory,
        agents: Collection[str],
    ) -> None:
        self._administration = administration
        self._store = store
        self._claims = claims
        self._directory = directory
        self._agents = agents

    async def offer(self, actor: Actor) -> tuple[str, ...]:
        """List the agents that a digest can cover."""
        async with self._admitted(actor, "digest_add"):
            return tuple(sorted(self._agents))

    async def preview(self, actor: Actor, draft: Draft) -> DigestPreview:
        """Check a draft and its channel; nothing is stored.

        Raises:
            UsageError: the timetable or the agent is invalid.
            CallAudioError: the digest cannot be posted in this channel.
        """
        async with self._admitted(actor, "digest_add"):
            return await self._checked(draft)

    async def save(self, actor: Actor, draft: Draft) -> Digest:
        """Store a digest after the checks of ``preview``; raises what ``preview`` raises."""
        async with self._admitted(actor, "digest_add"):
            await self._checked(draft)
            owner_id = actor.user_id
            return await self._store.add(
                normalized(draft), team_id=actor.team_id, owner_id=owner_id, actor_id=owner_id
            )

    async def list(self, actor: Actor) -> tuple[ListedDigest, ...]:
        """List the digests of the workspace."""
        async with self._admitted(actor, "digest_list"):
            now = self._store.clock()
            return tuple(listed(each, now) for each in await self._store.list(actor.team_id))

    async def pause(self, actor: Actor, digest_id: str) -> Digest:
        """Pause a digest until it is resumed."""
        async with self._admitted(actor, "digest_pause"):
            digest = await self._store.read(digest_id, actor.team_id)
            await self._store.pause(digest, actor.user_id, actor.trigger_id)
            return digest

    async def resume(self, actor: Actor, digest_id: str) -> ListedDigest:
        """Resume a digest from its next slot.

        Raises:
            CallAudioError: the digest cannot be posted in this channel.
        """
        async with self._admitted(actor, "digest_resume"):
            digest = await self._store.read(digest_id, actor.team_id)
            check_channel(await self._directory.conversation(digest.channel_id))
            await self._store.resume(digest, actor.user_id, actor.trigger_id)
            return listed(await self._store.read(digest_id), self._store.clock())

    async def remove(self, actor: Actor, digest_id: str) -> Digest:
        """Delete a digest."""
        async with self._admitted(actor, "digest_remove"):
            digest = await self._store.read(digest_id, actor.team_id)
            await self._store.remove(digest, actor.user_id)
            return digest

    async def run(self, actor: Actor, digest_id: str) -> Digest:
        """Have a worker post a digest now.

        Raises:
            CallAudioError: the digest cannot be posted in this channel.
        """
        async with self._admitted(actor, "digest_run"):
            digest = await self._store.read(digest_id, actor.team_id)
            check_channel(await self._directory.conversation(digest.channel_id))
            slot = timetable_of(digest).slot_on_request(self._store.clock())
            await self._claims.ask(
                digest, slot, actor.user_id, trigger_id=actor.trigger_id, sent_at=actor.sent_at
            )
            return digest

    @asynccontextmanager
    async def _admitted(self, actor: Actor, action: str) -> AsyncIterator[None]:
        await self._administration.require_admin(actor, action)
        try:
            yield
        except AlreadyDone as error:
            raise await self._administration.refused(actor, action, error) from None

    async def _checked(self, draft: Draft) -> DigestPreview:
        shown = preview(draft, self._agents, self._store.clock())
        check_channel(await self._directory.conversation(draft.channel_id))
        return shown
