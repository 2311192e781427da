"""What people do with digests: look at one before it is saved, and everything after."""

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
from bot.digests.timetable_text import TimetableUnclear, timetable_for_people, timetable_of
from bot.errors import UsageError
from bot.ids import new_id
from bot.recordings.agents import DEFAULT_AGENT
from bot.store.once import AlreadyDone

SHOWN_RUNS = 3
LONGEST_TIMETABLE = 100


class DigestAgentUnknown(UsageError):
    """A digest of an agent that is not set up."""

    code = "digest_agent_unknown"


class AgentNotWanted(UsageError):
    """An agent was named for a digest that is of none."""

    code = "digest_agent_not_wanted"
    what = "The digest of access is of all agents."
    fix = "Leave the agent out."


@dataclass(frozen=True, slots=True)
class Draft:
    """A digest that is not saved yet; saving the same draft twice is saving it once."""

    id: str
    kind: DigestKind
    channel_id: str
    agent_name: str
    timetable: str
    zone: str


@dataclass(frozen=True, slots=True)
class DigestPreview:
    """What a draft would do, in words."""

    draft: Draft
    in_words: str
    next_runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """A digest, and when it comes next; None while it is paused."""

    digest: Digest
    in_words: str
    next_run: str | None


def new_draft_id() -> str:
    """Name a draft, and so the digest it may become; short enough to be typed."""
    return new_id("g", 10)


def preview(draft: Draft, agents: Collection[str], now: datetime) -> DigestPreview:
    """Say what a draft would do.

    Raises:
        UsageError: the timetable or the agent cannot be.
    """
    if len(draft.timetable) > LONGEST_TIMETABLE:
        raise TimetableUnclear(what="That timetable is too long.")
    if draft.kind is DigestKind.CALLS and draft.agent_name not in agents:
        known = ", ".join(f"`{name}`" for name in sorted(agents))
        raise DigestAgentUnknown(
            what="No agent is set up under that name.", fix=f"There are {known}; name one of them."
        )
    if draft.kind is DigestKind.ACCESS and draft.agent_name:
        raise AgentNotWanted
    timetable = timetable_for_people(draft.timetable, draft.zone)
    next_runs = timetable.upcoming(now, SHOWN_RUNS)
    return DigestPreview(
        draft, timetable.in_words(), tuple(timetable.moment(each, now) for each in next_runs)
    )


def usual_agent(kind: DigestKind) -> str:
    """Name the agent of a digest for which none was named."""
    return DEFAULT_AGENT if kind is DigestKind.CALLS else ""


def new_digest(draft: Draft, team_id: str, owner_id: str) -> NewDigest:
    """Make a draft a digest of somebody."""
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
    """Say when a digest comes next."""
    timetable: Timetable = timetable_of(digest)
    is_running = digest.paused_because is None
    next_run = timetable.moment(timetable.after(now), now) if is_running else None
    return Listed(digest, timetable.in_words(), next_run)


class Scheduling:
    """The admins' use cases; each asks first whether the actor is one, at that moment.

    A change is made once for each trigger: the same request again raises AlreadyDone, audited.
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
        """Name the agents a digest may be of.

        Raises:
            NotAdmin: the actor is none.
        """
        await self._administration.require_admin(actor, "digest_add")
        return tuple(sorted(self._agents))

    async def preview(self, actor: Actor, draft: Draft) -> DigestPreview:
        """Say what a digest would do, and whether it can be posted there; nothing is stored.

        Raises:
            NotAdmin: the actor is none.
            UsageError: the timetable or the agent cannot be.
            CallAudioError: the channel cannot be.
        """
        await self._administration.require_admin(actor, "digest_add")
        shown = preview(draft, self._agents, self._store.clock())
        check_channel(await self._directory.conversation(draft.channel_id))
        return shown

    async def save(self, actor: Actor, draft: Draft) -> Digest:
        """Store a digest that was looked at, if it still can be.

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
            NotAdmin: the actor is none.
        """
        await self._administration.require_admin(actor, "digest_list")
        now = self._store.clock()
        return tuple(listed(each, now) for each in await self._store.list(actor.team_id))

    async def pause(self, actor: Actor, digest_id: str) -> Digest:
        """Let a digest rest until it is resumed.

        Raises:
            NotAdmin: the actor is none.
            DigestUnknown: there is none of that id.
        """
        digest = await self._admitted(actor, "digest_pause", digest_id)
        async with self._refusals_audited(actor, "digest_pause"):
            await self._store.pause(digest, actor.user_id, actor.trigger_id)
        return digest

    async def resume(self, actor: Actor, digest_id: str) -> Listed:
        """Let a digest go on with its next slot.

        Raises:
            NotAdmin: the actor is none.
            DigestUnknown: there is none of that id.
            CallAudioError: it cannot be posted in its channel.
        """
        digest = await self._admitted(actor, "digest_resume", digest_id)
        check_channel(await self._directory.conversation(digest.channel_id))
        async with self._refusals_audited(actor, "digest_resume"):
            await self._store.resume(digest, actor.user_id, actor.trigger_id)
        return listed(await self._store.read(digest_id), self._store.clock())

    async def remove(self, actor: Actor, digest_id: str) -> Digest:
        """Forget a digest.

        Raises:
            NotAdmin: the actor is none.
            DigestUnknown: there is none of that id.
        """
        digest = await self._admitted(actor, "digest_remove", digest_id)
        await self._store.remove(digest, actor.user_id)
        return digest

    async def run(self, actor: Actor, digest_id: str) -> Digest:
        """Have a digest posted now, out of turn; a worker takes it up within seconds.

        Raises:
            NotAdmin: the actor is none.
            DigestUnknown: there is none of that id.
            CallAudioError: it cannot be posted in its channel.
        """
        digest = await self._admitted(actor, "digest_run", digest_id)
        check_channel(await self._directory.conversation(digest.channel_id))
        slot = timetable_of(digest).slot_on_request(self._store.clock())
        async with self._refusals_audited(actor, "digest_run"):
            await self._claims.ask(digest, slot, actor.user_id, actor.trigger_id)
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
