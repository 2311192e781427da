"""Whether everyone who would hear is cleared: read no further than the answer needs."""

import asyncio

import pytest
from sqlalchemy import select

from bot.access.audience import AudienceReader
from bot.access.members import Members
from bot.access.policy import Audience, Standing
from bot.store.tables import BotUserRow
from tests.access.builders import (
    ALICE,
    BOB,
    CAROL,
    CHANNEL,
    GROUP,
    OTHER_ROBOT,
    OTHER_TEAM,
    ROBOT,
    TEAM,
    Silent,
    Workspace,
    conversation,
    deny,
    give,
    rights_on,
)

DENIED = "U0DENIED0"
BOTS = {ROBOT: Standing.BOT, OTHER_ROBOT: Standing.BOT}


async def read(database, workspace, *, most=10, team=TEAM, groups=None):
    rights = rights_on(database, groups=groups)
    reader = AudienceReader(
        database=database, directory=workspace, rights=rights, max_audience=most
    )
    return await reader.read(team, workspace.place, Members(workspace, CHANNEL))


async def known_bots(database):
    async with database.read() as session:
        rows = await session.scalars(select(BotUserRow).order_by(BotUserRow.user_id))
        return [(row.team_id, row.user_id) for row in rows]


async def test_all_humans_cleared_and_only_bots_beside_them_is_cleared(database):
    for user_id in (ALICE, BOB):
        await give(database, user_id)
    workspace = Workspace(members_in=(ALICE, ROBOT, BOB, OTHER_ROBOT), standings=BOTS)
    assert await read(database, workspace) is Audience.CLEARED
    assert workspace.calls == [
        "members from 0",
        f"standing of {ROBOT}",
        "members from 2",
        f"standing of {OTHER_ROBOT}",
    ]


async def test_a_bot_is_asked_after_once_and_then_remembered_for_its_team_alone(database):
    await give(database, ALICE)
    await give(database, ALICE, team=OTHER_TEAM)
    workspace = Workspace(members_in=(ALICE, ROBOT), standings=BOTS)
    assert await read(database, workspace) is Audience.CLEARED
    assert await read(database, workspace) is Audience.CLEARED
    assert workspace.calls.count(f"standing of {ROBOT}") == 1
    assert await known_bots(database) == [(TEAM, ROBOT)]
    assert await read(database, workspace, team=OTHER_TEAM) is Audience.CLEARED
    assert workspace.calls.count(f"standing of {ROBOT}") == 2


async def test_two_who_learn_of_the_same_bot_at_once_both_get_their_answer(database):
    await give(database, ALICE)
    met = asyncio.Barrier(2)

    class Meeting(Workspace):
        async def standing(self, user_id):
            await met.wait()
            return await super().standing(user_id)

    both = [Meeting(members_in=(ALICE, ROBOT), standings=BOTS) for _ in range(2)]
    answers = await asyncio.gather(*(read(database, each) for each in both))
    assert answers == [Audience.CLEARED, Audience.CLEARED]
    assert await known_bots(database) == [(TEAM, ROBOT)]


@pytest.mark.parametrize("standing", sorted(set(Standing) - {Standing.BOT}))
async def test_whoever_is_no_bot_and_not_cleared_counts_as_a_listener(sqlite_store, standing):
    await give(sqlite_store, ALICE)
    workspace = Workspace(members_in=(ALICE, BOB), standings={BOB: standing})
    assert await read(sqlite_store, workspace) is Audience.NOT_CLEARED


async def test_reading_stops_at_the_first_human_who_is_not_cleared(sqlite_store):
    await give(sqlite_store, ALICE)
    workspace = Workspace(members_in=(ALICE, CAROL, BOB, ROBOT), standings=BOTS)
    assert await read(sqlite_store, workspace) is Audience.NOT_CLEARED
    assert workspace.calls == ["members from 0", f"standing of {CAROL}"]


async def test_one_who_is_denied_is_not_cleared(sqlite_store):
    await give(sqlite_store, ALICE)
    await deny(sqlite_store, ALICE)
    assert await read(sqlite_store, Workspace()) is Audience.NOT_CLEARED


async def test_a_count_above_the_limit_spares_every_question(sqlite_store):
    workspace = Workspace(members_in=(ALICE,), place=conversation(member_count=11))
    assert await read(sqlite_store, workspace, most=10) is Audience.TOO_LARGE
    assert workspace.calls == []


async def test_a_list_longer_than_the_limit_is_too_large_whatever_the_count_said(sqlite_store):
    for user_id in (ALICE, BOB, CAROL):
        await give(sqlite_store, user_id)
    workspace = Workspace(members_in=(ALICE, BOB, CAROL), place=conversation(member_count=2))
    assert await read(sqlite_store, workspace, most=2) is Audience.TOO_LARGE


@pytest.mark.parametrize("count", [None, 0, 2, 3])
async def test_the_list_is_the_fact_and_the_count_need_not_be_known(sqlite_store, count):
    for user_id in (ALICE, BOB, CAROL):
        await give(sqlite_store, user_id)
    workspace = Workspace(members_in=(ALICE, BOB, CAROL), place=conversation(member_count=count))
    assert await read(sqlite_store, workspace, most=3) is Audience.CLEARED
    assert workspace.calls == ["members from 0", "members from 2"]


async def test_an_empty_list_is_no_proof_that_nobody_listens(sqlite_store):
    assert await read(sqlite_store, Workspace(members_in=())) is Audience.UNKNOWN


@pytest.mark.parametrize("call", ["members from 0", "members from 2", f"standing of {ROBOT}"])
async def test_what_slack_does_not_tell_is_not_guessed(sqlite_store, call):
    await give(sqlite_store, ALICE)
    workspace = Workspace(members_in=(ALICE, ALICE, ROBOT), standings=BOTS, failing={call})
    with pytest.raises(Silent):
        await read(sqlite_store, workspace)
    assert await known_bots(sqlite_store) == []


@pytest.mark.parametrize(
    ("members", "found", "asked"),
    [
        pytest.param([ALICE, BOB], Audience.UNKNOWN, [BOB], id="one may be cleared, or not"),
        pytest.param([ALICE, ROBOT], Audience.CLEARED, [ROBOT], id="a bot need not be"),
        pytest.param([ALICE, BOB, CAROL, ROBOT], Audience.UNKNOWN, [BOB], id="one doubt is enough"),
        pytest.param(
            [ALICE, BOB, ALICE, DENIED],
            Audience.NOT_CLEARED,
            [BOB, DENIED],
            id="but it does not hide one who is certainly not cleared",
        ),
    ],
)
async def test_while_a_group_cannot_be_read_its_members_are_doubtful(
    sqlite_store, members, found, asked
):
    await give(sqlite_store, ALICE)
    await give(sqlite_store, GROUP)
    await deny(sqlite_store, DENIED)
    workspace = Workspace(members_in=members, standings=BOTS)
    assert await read(sqlite_store, workspace, groups={GROUP: None}) is found
    assert [call for call in workspace.calls if "standing" in call] == [
        f"standing of {each}" for each in asked
    ]


@pytest.mark.parametrize("pages", [1, 2, 5, 6, 20, 21, 23])
async def test_however_many_pages_there_are_everybody_in_them_counts(sqlite_store, pages):
    everybody = [f"U0PERSON{number:02d}" for number in range(pages)]
    for user_id in everybody:
        await give(sqlite_store, user_id)
    workspace = Workspace(members_in=everybody, page_size=1)
    assert await read(sqlite_store, workspace, most=pages) is Audience.CLEARED
    await deny(sqlite_store, everybody[-1])
    assert await read(sqlite_store, workspace, most=pages) is Audience.NOT_CLEARED
    assert await read(sqlite_store, workspace, most=pages - 1) is Audience.TOO_LARGE
