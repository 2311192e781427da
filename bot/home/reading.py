"""The contents of an App Home: a person's rights, their requests, and the admins' part."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from bot.access.grant_pages import next_to_end
from bot.access.grants import Grant, Right
from bot.access.person import People, Person
from bot.access_requests.request import LIFETIME, AccessRequest, AccessState, request_of
from bot.digests.digest_administration import ListedDigest, listed
from bot.digests.digest_store import DigestStore
from bot.recordings.deliveries.past_deliveries import PastDelivery, past_deliveries
from bot.settings.choices import AudienceRule
from bot.store.database import Database
from bot.store.tables import AccessRequestRow

MOST_DELIVERIES: Final = 20
MOST_ENDING: Final = 20
ENDING_WITHIN: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class HomeFacts:
    """The facts of a Home that have to be current: rights and pending requests."""

    person: Person
    pending: tuple[AccessRequest, ...] = ()
    """The requests that an admin can decide, the oldest first; empty for others."""
    own: AccessRequest | None = None
    """The person's own pending request; None if they may not use callaudio."""

    @property
    def digest(self) -> str:
        """A hash: equal for equal facts."""
        words = [*sorted(self.person.held), *(request.id for request in self.pending)]
        # A Home says when a right ends and who gave it, so another grant of it is a change.
        words += [f"grant {each.id}" for each in self.person.grants]
        if self.own:
            words.append(f"own {self.own.id}")
        if not self.person.may_use:
            words.append("not for them")
        return hashlib.sha256(" ".join(words).encode()).hexdigest()

    @property
    def has_to_be_checked(self) -> bool:
        """Whether there is a right or a pending request to show, so that it has to be checked."""
        return bool(self.person.held) or self.own is not None


@dataclass(frozen=True, slots=True)
class AdminPart:
    """What only admins see, besides the pending requests."""

    ending: tuple[Grant, ...] = ()
    """The grants that end within a week, the earliest first."""
    digests: tuple[ListedDigest, ...] = ()
    more_ending: int = 0
    """How many more grants end within a week."""


@dataclass(frozen=True, slots=True)
class Home:
    """Everything in one Home."""

    user_id: str
    audience_rule: AudienceRule
    watched: HomeFacts
    deliveries: tuple[PastDelivery, ...] = ()
    """The newest first."""
    admin: AdminPart | None = None


class HomeReader:
    """Reads the contents of a Home at each call."""

    def __init__(
        self,
        *,
        database: Database,
        people: People,
        audience_rule: AudienceRule,
        clock: Callable[[], datetime],
        digests: DigestStore,
    ) -> None:
        self._database = database
        self._people = people
        self._audience_rule = audience_rule
        self._clock = clock
        self._digests = digests

    async def watched(self, team_id: str, user_id: str) -> HomeFacts:
        """Read only the facts that have to be current, for periodic checks.

        Raises:
            CallAudioError: Slack did not return the standing of the person.
        """
        return await self._facts_of(team_id, user_id, await self._people.recent(team_id, user_id))

    async def read(self, team_id: str, user_id: str) -> Home:
        """Read everything.

        Raises:
            CallAudioError: Slack did not return the standing of the person.
        """
        # Read first: if a right ends meanwhile, the next check finds a difference and publishes.
        person = await self._people.read(team_id, user_id)
        return Home(
            user_id=user_id,
            audience_rule=self._audience_rule,
            watched=await self._facts_of(team_id, user_id, person),
            deliveries=await self._deliveries(team_id, user_id) if person.may_use else (),
            admin=await self._admin(team_id) if Right.ADMIN in person.held else None,
        )

    async def _facts_of(self, team_id: str, user_id: str, person: Person) -> HomeFacts:
        row = AccessRequestRow
        waiting = (
            select(row)
            .where(row.team_id == team_id, row.state == AccessState.PENDING.value)
            .order_by(row.requested_at, row.id)
        )
        own = waiting.where(row.user_id == user_id, row.requested_at > self._clock() - LIFETIME)
        async with self._database.read() as session:
            asked = await session.scalar(own) if person.may_use else None
            others = await session.scalars(waiting) if Right.ADMIN in person.held else ()
            pending = tuple(request_of(each) for each in others)
        return HomeFacts(person, pending, request_of(asked) if asked else None)

    async def _deliveries(self, team_id: str, user_id: str) -> tuple[PastDelivery, ...]:
        async with self._database.read() as session:
            return await past_deliveries(session, team_id, user_id, MOST_DELIVERIES)

    async def _admin(self, team_id: str) -> AdminPart:
        now = self._clock()
        async with self._database.read() as session:
            ending = await next_to_end(
                session, team_id, now=now, until=now + ENDING_WITHIN, limit=MOST_ENDING
            )
        digests = tuple(listed(each, now) for each in await self._digests.list(team_id))
        return AdminPart(ending.shown, digests, ending.more)
