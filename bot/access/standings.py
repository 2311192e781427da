"""The standing of people in the workspace: read from Slack, and stored for all processes.

A decision reads the requester's standing from Slack. Standings of listeners are stored, because
Slack allows about a hundred calls of `users.info` a minute (tier 4), and a conversation with raw
files is checked every minute. Slack's `user_change` event invalidates a stored standing at once.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Executable, TextClause, and_, bindparam, delete, or_, text

from bot.access.directory import Directory
from bot.access.policy import Standing
from bot.access.unknown_facts import log_unknown_fact, note_unknown_fact
from bot.concurrency.gather import both, every
from bot.errors import CallAudioError, TooManyLookups
from bot.store.database import Database, is_few
from bot.store.due_work_kinds import DueWorkKind
from bot.store.enqueue import enqueue
from bot.store.inserts import insert_into
from bot.store.tables import StandingRow, UtcDateTime

STANDING_VALID_FOR: Final = timedelta(minutes=14)
"""With a check each minute, a change without an event is seen within 15 minutes."""
KEPT_FOR: Final = timedelta(days=1)
"""Kept longer than it is used: an event is compared with it."""
AT_ONCE: Final = 8
"""Parallel look-ups of one process."""


class Standings:
    """Reads standings; an unknown standing is not stored."""

    def __init__(
        self, *, database: Database, directory: Directory, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._places = asyncio.Semaphore(AT_ONCE)

    async def now(self, team_id: str, user_id: str) -> Standing:
        """Read the standing of a person from Slack.

        Raises:
            CallAudioError: Slack did not return it.
        """
        asked_at = self._clock()
        standing, known = await both(
            self._directory.standing(user_id), self.stored(team_id, {user_id})
        )
        if known.get(user_id) is not standing:
            await self._store(team_id, {user_id: standing}, asked_at)
        return standing

    async def now_or_unknown(self, team_id: str, user_id: str) -> Standing:
        """Read the standing of a person from Slack; unknown if Slack fails.

        Raises:
            TooManyLookups: Slack was not asked.
            CallAudioError: the call was malformed, so its failure says nothing about the person.
        """
        try:
            return await self.now(team_id, user_id)
        except CallAudioError as error:
            if error.is_own_mistake or isinstance(error, TooManyLookups):
                raise
            return _unknown(error)

    async def recent_or_unknown(self, team_id: str, user_id: str) -> Standing:
        """Do as ``recent`` does; unknown if Slack fails."""
        try:
            return await self.recent(team_id, user_id)
        except CallAudioError as error:
            return _unknown(error)

    async def recent(self, team_id: str, user_id: str) -> Standing:
        """Return a stored standing of at most ``STANDING_VALID_FOR`` ago, else read it from Slack.

        Raises:
            CallAudioError: Slack did not return it.
        """
        known = await self.stored(team_id, {user_id})
        return known[user_id] if known else await self.now(team_id, user_id)

    async def stored(self, team_id: str, user_ids: Collection[str]) -> dict[str, Standing]:
        """Return the stored standings of some people; people without one are left out."""
        if not user_ids:
            return {}
        since = self._clock() - STANDING_VALID_FOR
        query = _ON_SQLITE if self._database.is_sqlite else _ON_POSTGRESQL
        asked = {"team": team_id, "since": since, "ids": json.dumps(sorted(user_ids))}
        async with self._database.read(is_short=is_few(user_ids)) as session:
            rows = await session.execute(query, asked)
            return {who: Standing(standing) for standing, ids in rows for who in json.loads(ids)}

    async def learn(
        self, team_id: str, user_ids: Collection[str]
    ) -> AsyncIterator[Mapping[str, Standing | None]]:
        """Read people from Slack, ``AT_ONCE`` at a time, and yield each group of answers.

        None: Slack does not return that person. A standing that another decision stores meanwhile
        is not read again.

        Raises:
            CallAudioError: Slack does not answer now; the rest is not read.
        """
        ids = sorted(user_ids)
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            known = await self.stored(team_id, some)
            asked_at = self._clock()
            wanted = [user_id for user_id in some if user_id not in known]
            answers = dict(zip(wanted, await every(map(self._ask, wanted)), strict=True))
            read = {
                user_id: answer
                for user_id, answer in answers.items()
                if isinstance(answer, Standing)
            }
            await self._store(team_id, read, asked_at)
            yield {each: known.get(each) or read.get(each) for each in some}
            for answer in answers.values():
                if isinstance(answer, CallAudioError) and answer.retryable:
                    raise answer

    async def changed(self, team_id: str, user_id: str, standing: Standing) -> bool:
        """Handle a change event: invalidate the stored standing, unless it is the same.

        It is invalidated and not replaced, because events may come late, twice and out of order.
        A look-up that is running now is not stored either. Returns whether a stored standing has
        certainly changed: then visible files are checked.
        """
        async with self._database.write() as session:
            row = await session.get(StandingRow, (team_id, user_id))
            was = row.standing if row else None
            # A full member needs no invalidation: a standing read before is at most stricter.
            is_news = standing is not Standing.MEMBER if was is None else standing.value != was
            if is_news:
                await session.execute(self._storing(team_id, {user_id: None}, self._clock()))
            # With flags missing nothing is certain; the next check asks Slack.
            is_change = is_news and was is not None and standing is not Standing.UNKNOWN
            if is_change:
                enqueue(session, DueWorkKind.RECHECK_RIGHTS, team_id, now=self._clock())
        return is_change

    async def _ask(self, user_id: str) -> Standing | CallAudioError:
        async with self._places:
            try:
                return await self._directory.standing(user_id)
            except CallAudioError as error:
                log_unknown_fact("standing", error)
                return error

    async def _store(
        self, team_id: str, standing: Mapping[str, Standing], asked_at: datetime
    ) -> None:
        """Store standings from Slack, unless one was invalidated since the look-up began."""
        known = {who: each for who, each in standing.items() if each is not Standing.UNKNOWN}
        if known:
            async with self._database.write(is_short=is_few(known)) as session:
                await session.execute(self._storing(team_id, known, asked_at))

    def _storing(
        self, team_id: str, standing: Mapping[str, Standing | None], learnt_at: datetime
    ) -> Executable:
        """Build the rows in one order of people, so that two writers never deadlock."""
        row = StandingRow
        new = insert_into(row, is_sqlite=self._database.is_sqlite).values(
            [
                {"team_id": team_id, "user_id": who, "standing": each, "learnt_at": learnt_at}
                for who, each in sorted(standing.items())
            ]
        )
        is_change = new.excluded.standing.is_(None)
        holds = or_(row.learnt_at < learnt_at, row.standing.is_not(None))
        return new.on_conflict_do_update(
            index_elements=[row.team_id, row.user_id],
            set_={"standing": new.excluded.standing, "learnt_at": new.excluded.learnt_at},
            where=or_(is_change, and_(row.learnt_at <= learnt_at, holds)),
        )


async def forget_standings(database: Database, now: datetime) -> None:
    """Remove standings too old to be used or compared."""
    old = delete(StandingRow).where(StandingRow.learnt_at < now - KEPT_FOR)
    async with database.write() as session:
        await session.execute(old)


def _unknown(error: CallAudioError) -> Standing:
    note_unknown_fact("standing", error)
    return Standing.UNKNOWN


def _query(*, asked: str, gathered: str) -> TextClause:
    """Build a query that returns a row for each standing, with the people's ids as JSON."""
    return text(
        f"""
        SELECT standing, CAST({gathered}(user_id) AS TEXT) FROM {asked} CROSS JOIN standings
        WHERE user_id = value AND team_id = :team AND standing IS NOT NULL AND learnt_at > :since
        GROUP BY standing
        """  # noqa: S608 - put together from the words in this file
    ).bindparams(bindparam("since", type_=UtcDateTime()))


_ON_SQLITE: Final = _query(asked="json_each(:ids)", gathered="json_group_array")
_ON_POSTGRESQL: Final = _query(
    asked="json_array_elements_text(CAST(:ids AS json))", gathered="json_agg"
)
