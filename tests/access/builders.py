"""Grants and a workspace in memory, for the tests of rights and decisions."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select

from bot.access.administration import Administration
from bot.access.audience import AudienceReader
from bot.access.clearance import Clearances
from bot.access.directory import Conversation, Directory, MemberPage
from bot.access.grants import Effect, Grant, NewGrant, Right, Subject, SubjectKind, add_grant
from bot.access.person import People
from bot.access.policy import Audience, Facts, RightHeld, Standing
from bot.access.policy_evaluation import PolicyEvaluator
from bot.access.rights import Rights
from bot.access.standings import Standings
from bot.audit.events import AuditEvent
from bot.audit.log import AuditFilter, all_events
from bot.errors import CallAudioError
from bot.store.database import Database
from bot.store.due_work import DueWork
from bot.store.due_work_kinds import DueWorkKind
from bot.store.tables import GrantRow
from tests.access.outside import World, WorldDirectory, WorldGroups
from tests.conftest import NOON

TEAM, OTHER_TEAM = "T0CALLAUDIO", "T0OTHERTEAM"
ALICE, BOB, CAROL = "U0ALICE00", "U0BOB0000", "U0CAROL00"
BOSS, GROUP = "U0BOSS000", "S0QUALITY"
ROBOT, OTHER_ROBOT = "U0ROBOT00", "U0ROBOT01"
CHANNEL, DM = "C0QUALITY0", "D0ALICE00"

EVERYTHING_SPEAKS_FOR_RAW = Facts(
    standing=Standing.MEMBER,
    held=RightHeld.BY_NAME,
    requester_in_destination=True,
    destination_is_external=False,
    destination_is_private=True,
    destination_is_allow_listed=False,
    asked_redacted=False,
    has_raw_key=True,
    audience_must_be_cleared=True,
    audience=Audience.CLEARED,
)


def subject(user_id: str = ALICE, *, team: str = TEAM) -> Subject:
    kind = SubjectKind.GROUP if user_id.startswith("S") else SubjectKind.USER
    return Subject(team, kind, user_id)


def new_grant(
    user_id: str = ALICE,
    *,
    team: str = TEAM,
    effect: Effect = Effect.GRANT,
    right: Right = Right.PII,
    by: str = BOSS,
    now: datetime = NOON,
    lasting: timedelta | None = None,
) -> NewGrant:
    return NewGrant(
        subject=subject(user_id, team=team),
        right=right,
        effect=effect,
        given_by=by,
        reason="call quality",
        now=now,
        expires_at=now + lasting if lasting else None,
    )


async def give(database: Database, user_id: str = ALICE, **how) -> Grant:
    async with database.write() as session:
        return await add_grant(session, new_grant(user_id, **how))


async def deny(database: Database, user_id: str = ALICE, **how) -> Grant:
    return await give(database, user_id, effect=Effect.DENY, **how)


def rights_on(
    database: Database,
    *,
    clock: Callable[[], datetime] = lambda: NOON,
    groups: World | Mapping[str, set[str] | None] | None = None,
    first_admins: Collection[str] = (),
) -> Rights:
    """The rights of a store with only the named groups, or those of a world.

    A group without a set of members cannot be read.
    """
    if isinstance(groups, World):
        world = groups
    else:
        known = {each: members for each, members in (groups or {}).items() if members is not None}
        away = frozenset(f"group {each}" for each in (groups or {}) if each not in known)
        world = World(standing={}, channels={}, groups=known, away=away)
    return Rights(
        database=database,
        groups=WorldGroups(world),
        clock=clock,
        first_admins=frozenset(first_admins),
    )


@dataclass(frozen=True)
class Readers:
    """The readers of rights and standings on one store, and the admins' use cases."""

    directory: Directory
    rights: Rights
    standings: Standings
    clearances: Clearances
    people: People
    audience: AudienceReader
    administration: Administration

    def evaluator(
        self, *, audience_must_be_cleared: bool = True, allowed: Collection[str] = ()
    ) -> PolicyEvaluator:
        return PolicyEvaluator(
            directory=self.directory,
            clearances=self.clearances,
            audience=self.audience,
            audience_must_be_cleared=audience_must_be_cleared,
            external_channels=frozenset(allowed),
        )


def readers_on(
    database: Database,
    directory: Directory,
    *,
    clock: Callable[[], datetime] = lambda: NOON,
    groups: World | Mapping[str, set[str] | None] | None = None,
    rights: Rights | None = None,
    first_admins: Collection[str] = (),
    most: int = 10,
) -> Readers:
    """All readers, with the directory as Slack and at most ``most`` listeners."""
    rights = rights or rights_on(database, clock=clock, groups=groups, first_admins=first_admins)
    standings = Standings(database=database, directory=directory, clock=clock)
    clearances = Clearances(rights=rights, standings=standings)
    people = People(database=database, rights=rights, standings=standings, clock=clock)
    return Readers(
        directory=directory,
        rights=rights,
        standings=standings,
        clearances=clearances,
        people=people,
        audience=AudienceReader(rights=rights, standings=standings, max_audience=most),
        administration=Administration(
            database=database, rights=rights, clearances=clearances, people=people, clock=clock
        ),
    )


def nobody_cleared(database: Database) -> Clearances:
    """The clearances of a workspace without people."""
    nowhere = WorldDirectory(World(standing={}, channels={}, groups={}))
    return readers_on(database, nowhere).clearances


async def who_holds(
    database: Database,
    *user_ids: str,
    right: Right = Right.PII,
    at: datetime = NOON,
    team: str = TEAM,
    groups: Mapping[str, set[str]] | None = None,
) -> set[str]:
    rights = rights_on(database, clock=lambda: at, groups=groups)
    held = await rights.holders(team, right, user_ids or (ALICE, BOB))
    return {each for each, how in held.items() if how in (RightHeld.BY_NAME, RightHeld.BY_GROUP)}


async def events_on(database: Database) -> list[AuditEvent]:
    async with database.read() as session:
        return [each async for each in all_events(session, AuditFilter())]


async def written(database: Database) -> tuple[list[GrantRow], list[str]]:
    """All grants, also ended ones, and all audit tags."""
    async with database.read() as session:
        grants = list(await session.scalars(select(GrantRow).order_by(GrantRow.id)))
    return grants, [each.tag for each in await events_on(database)]


async def checks_due(database: Database) -> list[str]:
    """Claim the scheduled checks of rights; returns their workspaces."""
    work = DueWork(database=database, clock=lambda: NOON, lease=timedelta(minutes=1))
    due = await work.claim(DueWorkKind.RECHECK_RIGHTS, 9, takes_over=False)
    for each in due:
        await work.finish(each, None)
    return [each.key for each in due]


class Silent(CallAudioError):
    """Slack does not answer."""

    code = "silent"


def conversation(
    channel_id: str = CHANNEL,
    *,
    is_external: bool | None = False,
    is_private: bool | None = True,
    im_user_id: str | None = None,
    member_count: int | None = None,
) -> Conversation:
    return Conversation(
        channel_id=channel_id,
        is_external=is_external,
        is_im=im_user_id is not None,
        im_user_id=im_user_id,
        is_private=is_private,
        is_archived=False,
        bot_is_member=True,
        member_count=member_count,
    )


class Passing(CallAudioError):
    """Slack does not answer now."""

    code = "passing"
    retryable = True


class Malformed(CallAudioError):
    """The call itself was wrong."""

    code = "malformed"
    is_own_mistake = True


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Workspace:
    """A `Directory` in memory; ``failing`` names failing calls.

    By default people are members, and the robots are bots.
    """

    members_in: Sequence[str] = (ALICE,)
    page_size: int = 2
    standings: Mapping[str, Standing] = field(default_factory=dict)
    place: Conversation = field(default_factory=conversation)
    failing: Collection[str] = ()
    error: type[CallAudioError] = Silent
    meanwhile: Callable[[str], Awaitable[None]] | None = None
    """What happens while the standing of a person is read."""
    calls: list[str] = field(default_factory=list)

    async def conversation(self, channel_id: str) -> Conversation:
        assert channel_id == self.place.channel_id
        self._called("conversation")
        return self.place

    async def members(self, channel_id: str, cursor: str | None) -> MemberPage:
        assert channel_id == self.place.channel_id
        start = int(cursor or 0)
        self._called(f"members from {start}")
        end = start + self.page_size
        following = str(end) if end < len(self.members_in) else None
        return MemberPage(tuple(self.members_in[start:end]), following)

    async def standing(self, user_id: str) -> Standing:
        self._called(f"standing of {user_id}")
        if self.meanwhile:
            await self.meanwhile(user_id)
        usual = Standing.BOT if user_id in {ROBOT, OTHER_ROBOT} else Standing.MEMBER
        return self.standings.get(user_id, usual)

    @property
    def failed(self) -> list[str]:
        return [call for call in self.calls if call in self.failing]

    def _called(self, call: str) -> None:
        self.calls.append(call)
        if call in self.failing:
            raise self.error
