"""Lists of grants read no more than they show, however many there are."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event, insert

from bot.access.administration import Actor, Administration
from bot.access.grant_pages import next_to_end, oldest_in_force
from bot.access.grants import Effect, Right
from bot.digests.digest_store import DigestStore
from bot.home.reading import MOST_ENDING, HomeReader
from bot.settings.choices import AudienceRule
from bot.store.database import Database
from bot.store.tables import GrantRow
from tests.access.builders import (
    ALICE,
    BOB,
    BOSS,
    GROUP,
    OTHER_TEAM,
    TEAM,
    Workspace,
    deny,
    give,
    readers_on,
)
from tests.conftest import NOON
from tests.statements import plan_of, statements_on

UNREAD = "S0OTHERS0"
MANY, HOUR, DAY = 200, timedelta(hours=1), timedelta(days=1)


@pytest.fixture
async def crowd(database: Database) -> Database:
    """A workspace with very many grants, half of which end within the week."""
    async with database.write() as session:
        await session.execute(
            insert(GrantRow),
            [
                {
                    "team_id": TEAM,
                    "subject_kind": "user",
                    "subject_id": f"U0CROWD{number:04d}",
                    "right": "pii",
                    "effect": "grant",
                    "given_by": BOSS,
                    "reason": "call quality",
                    "starts_at": NOON,
                    "expires_at": NOON + DAY if number % 2 else None,
                }
                for number in range(MANY)
            ],
        )
    return database


@contextmanager
def rows_read() -> Iterator[list[str]]:
    """The subjects of the rows that are loaded as objects in the block."""
    read: list[str] = []

    def note(row: GrantRow, _context: object) -> None:
        read.append(row.subject_id)

    event.listen(GrantRow, "load", note)
    try:
        yield read
    finally:
        event.remove(GrantRow, "load", note)


def admin_of(database: Database) -> Administration:
    groups = {GROUP: {ALICE}, UNREAD: None}
    return readers_on(database, Workspace(), groups=groups).administration


@pytest.mark.postgresql_at_length
async def test_a_list_reads_the_shown_rows_and_counts_the_rest(crowd):
    await give(crowd, BOSS, right=Right.ADMIN)
    with rows_read() as read:
        page = await admin_of(crowd).list(Actor(TEAM, None, BOSS), 30)
    assert [grant.subject.id for grant in page.shown[:2]] == ["U0CROWD0000", "U0CROWD0001"]
    assert (len(page.shown), page.more) == (30, MANY + 1 - 30)
    assert len(read) == 30


@pytest.mark.postgresql_at_length
async def test_reading_one_person_reads_only_their_rows(crowd):
    await give(crowd, BOSS, right=Right.ADMIN)
    await give(crowd, ALICE)
    await give(crowd, GROUP)
    await deny(crowd, UNREAD)
    with rows_read() as read:
        person = await admin_of(crowd).who(Actor(TEAM, None, BOSS), "U0CROWD0007")
    assert {each.subject.id for each in person.grants} == {"U0CROWD0007", UNREAD}
    assert sorted(read) == [UNREAD, "U0CROWD0007"]
    alice = await admin_of(crowd).who(Actor(TEAM, None, BOSS), ALICE)
    assert [each.subject.id for each in alice.grants] == [ALICE, GROUP, UNREAD]


async def test_an_admin_s_home_reads_the_grants_it_shows(crowd):
    await give(crowd, BOSS, right=Right.ADMIN)
    await give(crowd, ALICE, lasting=HOUR)
    home = HomeReader(
        database=crowd,
        people=readers_on(crowd, Workspace()).people,
        audience_rule=AudienceRule.CLEARED,
        clock=lambda: NOON,
        digests=DigestStore(database=crowd, clock=lambda: NOON),
    )
    with rows_read() as read:
        admin = (await home.read(TEAM, BOSS)).admin
    assert admin is not None
    assert [grant.subject.id for grant in admin.ending[:2]] == [ALICE, "U0CROWD0001"]
    assert (len(admin.ending), admin.more_ending) == (MOST_ENDING, MANY // 2 + 1 - MOST_ENDING)
    assert len(read) == 1 + MOST_ENDING


async def test_a_page_lists_grants_in_force_in_that_workspace(database):
    await give(database, ALICE, lasting=HOUR)
    await give(database, BOB, team=OTHER_TEAM)
    later = await give(database, BOB)
    denied = await deny(database, ALICE)
    async with database.read() as session:
        page = await oldest_in_force(session, TEAM, NOON + HOUR, 2)
        assert (page.shown, page.more) == ((later, denied), 0)
        page = await oldest_in_force(session, TEAM, NOON + HOUR, 1)
        assert (page.shown, page.more) == ((later,), 1)


@pytest.mark.parametrize(
    ("lasting", "effect", "shown"),
    [
        (HOUR, Effect.GRANT, True),
        (7 * DAY, Effect.GRANT, True),
        (7 * DAY + timedelta(seconds=1), Effect.GRANT, False),
        (None, Effect.GRANT, False),
        (timedelta(0), Effect.GRANT, False),
        (HOUR, Effect.DENY, False),
    ],
)
async def test_grants_that_end_within_a_time_are_listed_by_their_end(
    database, lasting, effect, shown
):
    await give(database, lasting=lasting, effect=effect)
    async with database.read() as session:
        page = await next_to_end(session, TEAM, now=NOON, until=NOON + 7 * DAY, limit=5)
    assert (len(page.shown), page.more) == (shown, 0)


async def test_sqlite_uses_the_indexes_of_people_groups_and_ends(sqlite_store):
    for number in range(40):
        await give(sqlite_store, f"U0PERSON{number:02d}", lasting=DAY)
    people = readers_on(sqlite_store, Workspace()).people
    with statements_on(sqlite_store) as sent:
        await people.read(TEAM, ALICE)
        async with sqlite_store.read() as session:
            await next_to_end(session, TEAM, now=NOON, until=NOON + 7 * DAY, limit=1)

    plans = []
    for statement, parameters in sent:
        if "grants" in statement:
            plans += await plan_of(sqlite_store, statement, parameters)
    assert not [step for step in plans if step.startswith("SCAN grants")]
    for index in ("ix_grants_live", "ix_grants_live_groups", "ix_grants_ends"):
        assert [step for step in plans if f"INDEX {index} " in step], plans
    assert [step for step in plans if "USING COVERING INDEX ix_grants_ends " in step], "the count"
    # PostgreSQL uses the partial index only for a literal, not for a parameter.
    assert [statement for statement, _ in sent if "grants.subject_kind = 'group'" in statement]
