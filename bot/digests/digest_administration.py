"""The admins' use cases for digests: preview, save, list, pause, resume, remove and run."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from bot.access.administration import Actor, Administration
from bot.access.directory import Directory
from bot.digests.digest import Digest, DigestKind
from bot.digests.digest_store import DigestStore, NewDigest
from bot.digests.slot_claims import SlotClaims
from bot.digests.steps import check_channel
from bot.digests.timetable import Timetable
from bot.digests.timetable_text import (
    TimetableUnclear,
    read_timetable,
    timetable_for_people,
    timetable_of,
)
from bot.digests.zone_names import ZoneUnknown
from bot.errors import UsageError
from bot.ids import new_id
from bot.recordings.references.agents import DEFAULT_AGENT
from bot.store.once import AlreadyDone

SHOWN_RUNS = 3
LONGEST_TIMETABLE = 100
NO_SUCH_ZONE = "never, as my machine does not know the time zone"


class DigestAgentUnknown(UsageError):
    """The agent of a digest is not configured."""

    code = "digest_agent_unknown"


class AgentNotWanted(UsageError):
    """An agent was named for the digest of access, which covers all agents."""

    code = "digest_agent_not_wanted"
    what = "The access digest covers all agents."
    fix = "Leave the agent out."


@dataclass(frozen=True, slots=True)
class Draft:
    """A digest that is not saved yet; saving a draft twice has the effect of saving it once."""

    id: str
    kind: DigestKind
    channel_id: str
    agent_name: str
    timetable: str
    zone: str


@dataclass(frozen=True, slots=True)
class DigestPreview:
    """A draft, its timetable in words, and its next runs."""

    draft: Draft
    in_words: str
    next_runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """A digest and its next run; None while it is paused.

    If this machine does not know its time zone, the next run says so instead.
    """

    digest: Digest
    in_words: str
    next_run: str | None


def new_draft_id() -> str:
    """Create the id of a draft and of the digest it becomes; short enough to type."""
    return new_id("g", 10)


def preview(draft: Draft, agents: Collection[str], now: datetime) -> DigestPreview:
    """Check a draft, and describe when it would run.

    Raises:
        UsageError: the timetable or the agent is invalid.
    """
    if len(draft.timetable) > LONGEST_TIMETABLE:
        raise TimetableUnclear(what="That timetable is too long.")
    if draft.kind is DigestKind.CALLS and draft.agent_name not in agents:
        known = ", ".join(f"`{name}`" for name in sorted(agents))
        raise DigestAgentUnknown(
            what="No agent of that name is configured.", fix=f"Name one of these: {known}."
        )
    if draft.kind is DigestKind.ACCESS and draft.agent_name:
        raise AgentNotWanted
    timetable = timetable_for_people(draft.timetable, draft.zone)
    next_runs = timetable.upcoming(now, SHOWN_RUNS)
    return DigestPreview(
        draft, timetable.in_words(), tuple(timetable.moment(each, now) for each in next_runs)
    )


def usual_agent(kind: DigestKind) -> str:
    """Return the default agent for a kind of digest."""
    return DEFAULT_AGENT if kind is DigestKind.CALLS else ""


def new_digest(draft: Draft, team_id: str, owner_id: str) -> NewDigest:
    """Turn a draft into a digest with an owner."""
    return NewDigest(
        id=draft.id,
        team_id=team_id,
        kind=draft.kind,
        channel_id=draft.channel_id,
        agent_name=draft.agent_name,
        timetable=" ".join(draft.timetable.split()),
        zone=timetable_for_people(draft.timetable, draft.zone).zone.key,
        owner_id=owner_id,
    )


def listed(digest: Digest, now: datetime) -> Listed:
    """Add the next run to a digest."""
    is_running = digest.paused_because is None
    try:
        timetable: Timetable = timetable_of(digest)
    except ZoneUnknown:  # one digest must not hide the others
        in_words = read_timetable(digest.timetable, "UTC").in_words()
        return Listed(digest, in_words, NO_SUCH_ZONE if is_running else None)
    next_run = timetable.moment(timetable.after(now), now) if is_running else None
    return Listed(digest, timetable.in_words(), next_run)


class DigestAdministration:
    """The admins' use cases; each first checks that the actor is an admin now.

    A change is made once for each trigger: a repeated request raises AlreadyDone and is audited.
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
        """List the agents that a digest can cover.

        Raises:
            NotAdmin: the actor is not an admin.
        """
        await self._administration.require_admin(actor, "digest_add")
        return tuple(sorted(self._agents))

    async def preview(self, actor: Actor, draft: Draft) -> DigestPreview:
        """Check a draft and its channel; nothing is stored.

        Raises:
            NotAdmin: the actor is not an admin.
            UsageError: the timetable or the agent is invalid.
            CallAudioError: the digest cannot be posted in this channel.
        """
        await self._administration.require_admin(actor, "digest_add")
        shown = preview(draft, self._agents, self._store.clock())
        check_channel(await self._directory.conversation(draft.channel_id))
        return shown

    async def save(self, actor: Actor, draft: Draft) -> Digest:
        """Store a digest after the checks of ``preview``.

        Raises:
            As ``preview``.
        """
        await self.preview(actor, draft)
        new = new_digest(draft, actor.team_id, actor.user_id)
        async with self._refusals_audited(actor, "digest_add"):
            return await self._store.add(new, actor.user_id)

    async def list(self, actor: Actor) -> tuple[Listed, ...]:
        """List the digests of the workspace.

        Raises:
            NotAdmin: the actor is not an admin.
        """
        await self._administration.require_admin(actor, "digest_list")
        now = self._store.clock()
        return tuple(listed(each, now) for each in await self._store.list(actor.team_id))

    async def pause(self, actor: Actor, digest_id: str) -> Digest:
        """Pause a digest until it is resumed.

        Raises:
            NotAdmin: the actor is not an admin.
            DigestUnknown: there is no such digest.
        """
        digest = await self._admitted(actor, "digest_pause", digest_id)
        async with self._refusals_audited(actor, "digest_pause"):
            await self._store.pause(digest, actor.user_id, actor.trigger_id)
        return digest

    async def resume(self, actor: Actor, digest_id: str) -> Listed:
        """Resume a digest from its next slot.

        Raises:
            NotAdmin: the actor is not an admin.
            DigestUnknown: there is no such digest.
            CallAudioError: the digest cannot be posted in this channel.
        """
        digest = await self._admitted(actor, "digest_resume", digest_id)
        check_channel(await self._directory.conversation(digest.channel_id))
        async with self._refusals_audited(actor, "digest_resume"):
            await self._store.resume(digest, actor.user_id, actor.trigger_id)
        return listed(await self._store.read(digest_id), self._store.clock())

    async def remove(self, actor: Actor, digest_id: str) -> Digest:
        """Delete a digest.

        Raises:
            NotAdmin: the actor is not an admin.
            DigestUnknown: there is no such digest.
        """
        digest = await self._admitted(actor, "digest_remove", digest_id)
        await self._store.remove(digest, actor.user_id)
        return digest

    async def run(self, actor: Actor, digest_id: str) -> Digest:
        """Have a worker post a digest now.

        Raises:
            NotAdmin: the actor is not an admin.
            DigestUnknown: there is no such digest.
            CallAudioError: the digest cannot be posted in this channel.
        """
        digest = await self._admitted(actor, "digest_run", digest_id)
        check_channel(await self._directory.conversation(digest.channel_id))
        slot = timetable_of(digest).slot_on_request(self._store.clock())
        async with self._refusals_audited(actor, "digest_run"):
            await self._claims.ask(
                digest, slot, actor.user_id, trigger_id=actor.trigger_id, sent_at=actor.sent_at
            )
        return digest

    @asynccontextmanager
    async def _refusals_audited(self, actor: Actor, action: str) -> AsyncIterator[None]:
        try:
            yield
        except AlreadyDone as error:
            raise await self._administration.refused(actor, action, error) from None

    async def _admitted(self, actor: Actor, action: str, digest_id: str) -> Digest:
        await self._administration.require_admin(actor, action)
        return await self._store.read(digest_id, actor.team_id)
