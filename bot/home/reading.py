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
    pending: tuple[AccessRequest, ...]
    """The requests that an admin can decide."""
    own: AccessRequest | None
    """The person's own pending request."""

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


@dataclass(frozen=True, slots=True)
class AdminPart:
    """What only admins see."""

    pending: tuple[AccessRequest, ...]
    ending: tuple[Grant, ...]
    """The grants that end within a week, the earliest first."""
    digests: tuple[ListedDigest, ...]
    more_ending: int = 0
    """How many more grants end within a week."""


@dataclass(frozen=True, slots=True)
class Home:
    """Everything in one Home."""

    user_id: str
    person: Person
    audience_rule: AudienceRule
    deliveries: tuple[PastDelivery, ...]
    """The newest first."""
    admin: AdminPart | None
    watched: HomeFacts

    @property
    def may_use(self) -> bool:
        """Whether the person may use callaudio; externals and guests without a grant may not."""
        return self.person.may_use

    @property
    def asked(self) -> AccessRequest | None:
        """Their own pending request."""
        return self.watched.own if self.may_use else None

    @property
    def has_to_be_checked(self) -> bool:
        """Whether it shows a right or a pending request, so that it has to be checked."""
        return bool(self.person.held) or self.asked is not None


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
        watched = await self._facts_of(team_id, user_id, person)
        return Home(
            user_id=user_id,
            person=person,
            audience_rule=self._audience_rule,
            deliveries=await self._deliveries(team_id, user_id) if person.may_use else (),
            admin=await self._admin(team_id, watched) if Right.ADMIN in person.held else None,
            watched=watched,
        )

    async def _facts_of(self, team_id: str, user_id: str, person: Person) -> HomeFacts:
        pending = await self._pending(team_id, person.held)
        return HomeFacts(person, pending, await self._own(team_id, user_id))

    async def _own(self, team_id: str, user_id: str) -> AccessRequest | None:
        """Read the person's pending request."""
        query = select(AccessRequestRow).where(
            AccessRequestRow.team_id == team_id,
            AccessRequestRow.user_id == user_id,
            AccessRequestRow.state == AccessState.PENDING.value,
            AccessRequestRow.requested_at > self._clock() - LIFETIME,
        )
        async with self._database.read() as session:
            row = await session.scalar(query)
        return request_of(row) if row else None

    async def _pending(self, team_id: str, held: frozenset[Right]) -> tuple[AccessRequest, ...]:
        """List the pending requests for an admin, the oldest first; empty for others."""
        if Right.ADMIN not in held:
            return ()
        query = select(AccessRequestRow).where(
            AccessRequestRow.team_id == team_id, AccessRequestRow.state == AccessState.PENDING.value
        )
        ordered = query.order_by(AccessRequestRow.requested_at, AccessRequestRow.id)
        async with self._database.read() as session:
            return tuple(request_of(row) for row in await session.scalars(ordered))

    async def _deliveries(self, team_id: str, user_id: str) -> tuple[PastDelivery, ...]:
        async with self._database.read() as session:
            return await past_deliveries(session, team_id, user_id, MOST_DELIVERIES)

    async def _admin(self, team_id: str, watched: HomeFacts) -> AdminPart:
        now = self._clock()
        async with self._database.read() as session:
            ending = await next_to_end(
                session, team_id, now=now, until=now + ENDING_WITHIN, limit=MOST_ENDING
            )
        return AdminPart(
            watched.pending,
            ending.shown,
            tuple(listed(digest, now) for digest in await self._digests.list(team_id)),
            more_ending=ending.more,
        )
