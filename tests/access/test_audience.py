"""Whether every listener is cleared, with as few reads as possible."""

import asyncio

import pytest
from sqlalchemy import delete, select

from bot.access.directory import Members
from bot.access.policy import Audience, Standing
from bot.access.standings import AT_ONCE
from bot.store.tables import StandingRow
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
    readers_on,
)
from tests.statements import statements_on

DENIED = "U0DENIED0"


async def read(database, workspace, *, most=10, team=TEAM, groups=None):
    reader = readers_on(database, workspace, groups=groups, most=most).audience
    return await reader.read(team, workspace.place, Members(workspace, CHANNEL))


async def remembered(database):
    async with database.read() as session:
        rows = await session.scalars(select(StandingRow).order_by(StandingRow.user_id))
        return {(row.team_id, row.user_id): row.standing for row in rows}


def asked_after(workspace) -> list[str]:
    return sorted(call.removeprefix("standing of ") for call in workspace.calls if "of" in call)


async def test_an_audience_of_cleared_people_and_bots_is_cleared(database):
    for user_id in (ALICE, BOB):
        await give(database, user_id)
    workspace = Workspace(members_in=(ALICE, ROBOT, BOB, OTHER_ROBOT))
    assert await read(database, workspace) is Audience.CLEARED
    assert asked_after(workspace) == [ALICE, BOB, ROBOT, OTHER_ROBOT]


async def test_a_standing_is_read_once_and_stored_for_its_workspace_only(database):
    await give(database, ALICE)
    await give(database, ALICE, team=OTHER_TEAM)
    workspace = Workspace(members_in=(ALICE, ROBOT))
    assert await read(database, workspace) is Audience.CLEARED
    assert await read(database, workspace) is Audience.CLEARED
    assert asked_after(workspace) == [ALICE, ROBOT]
    assert await remembered(database) == {(TEAM, ALICE): "member", (TEAM, ROBOT): "bot"}
    assert await read(database, workspace, team=OTHER_TEAM) is Audience.CLEARED
    assert asked_after(workspace) == [ALICE, ALICE, ROBOT, ROBOT]


async def test_two_concurrent_readers_of_the_same_people_both_get_an_answer(database):
    await give(database, ALICE)
    met = asyncio.Barrier(2)

    async def meet(user_id):
        if user_id == ROBOT:
            await met.wait()

    both = [Workspace(members_in=(ALICE, ROBOT), meanwhile=meet) for _ in range(2)]
    answers = await asyncio.gather(*(read(database, each) for each in both))
    assert answers == [Audience.CLEARED, Audience.CLEARED]
    assert await remembered(database) == {(TEAM, ALICE): "member", (TEAM, ROBOT): "bot"}


MEMBER, GUEST = Standing.MEMBER, Standing.GUEST


@pytest.mark.parametrize("standing", sorted(set(Standing) - {Standing.BOT}))
@pytest.mark.parametrize("granted", [None, BOB, GROUP])
@pytest.mark.postgresql_at_length
async def test_a_listener_is_judged_like_a_requester(database, standing, granted):
    """A guest in a granted group or an external person with a grant is not cleared."""
    await give(database, ALICE)
    if granted:
        await give(database, granted)
    workspace = Workspace(members_in=(ALICE, BOB), standings={BOB: standing})
    found = await read(database, workspace, groups={GROUP: {BOB}})
    if (standing, granted) in {(MEMBER, BOB), (MEMBER, GROUP), (GUEST, BOB)}:
        assert found is Audience.CLEARED
    elif standing is Standing.UNKNOWN and granted:
        assert found is Audience.UNKNOWN
    else:
        assert found is Audience.NOT_CLEARED
    again = await read(database, workspace, groups={GROUP: {BOB}})
    assert again is found, "and so they are from memory"


async def test_reading_stops_at_the_first_human_who_is_not_cleared(sqlite_store):
    await give(sqlite_store, ALICE)
    workspace = Workspace(members_in=(ALICE, CAROL, BOB, ROBOT))
    assert await read(sqlite_store, workspace) is Audience.NOT_CLEARED
    # Without a right nobody can be cleared, so it is not asked whether Alice is a member.
    assert workspace.calls == ["members from 0", f"standing of {CAROL}"]


async def test_a_stored_listener_without_a_right_decides_without_a_call_of_slack(sqlite_store):
    await give(sqlite_store, ALICE)
    await read(sqlite_store, Workspace(members_in=(ALICE, CAROL)))
    others = [f"U0BOB{number:04d}" for number in range(AT_ONCE)]
    workspace = Workspace(members_in=(ALICE, CAROL, *others), page_size=20)
    assert await read(sqlite_store, workspace) is Audience.NOT_CLEARED
    assert workspace.calls == ["members from 0"]


async def test_stored_people_cost_one_query_for_grants_and_one_for_standings(sqlite_store):
    await give(sqlite_store, ALICE)
    workspace = Workspace()
    assert await read(sqlite_store, workspace) is Audience.CLEARED
    with statements_on(sqlite_store) as sent:
        assert await read(sqlite_store, workspace) is Audience.CLEARED
    assert len([statement for statement, _ in sent if "SELECT" in statement]) == 2


@pytest.mark.parametrize(("uncleared", "pages"), [(0, 1), (1, 5), (4, 5), (5, 21)])
async def test_later_pages_are_read_four_then_sixteen_at_a_time(sqlite_store, uncleared, pages):
    robots = {f"U0ROBOT{number:02d}": Standing.BOT for number in range(30)}
    members = [*robots]
    members[uncleared] = BOB
    workspace = Workspace(members_in=members, page_size=1, standings=robots)
    assert await read(sqlite_store, workspace, most=30) is Audience.NOT_CLEARED
    assert len([call for call in workspace.calls if call.startswith("members")]) == pages


@pytest.mark.parametrize(
    ("count", "most", "found", "pages"),
    [
        pytest.param(11, 10, Audience.TOO_LARGE, 0, id="counted above the limit"),
        pytest.param(2, 2, Audience.TOO_LARGE, 2, id="a list longer than its count and the limit"),
        *(
            pytest.param(count, 3, Audience.CLEARED, 2, id=f"a missing or wrong count: {count}")
            for count in (None, 0, 2, 3)
        ),
    ],
)
async def test_the_count_of_members_only_avoids_reading_too_long_a_list(
    sqlite_store, count, most, found, pages
):
    for user_id in (ALICE, BOB, CAROL):
        await give(sqlite_store, user_id)
    workspace = Workspace(members_in=(ALICE, BOB, CAROL), place=conversation(member_count=count))
    assert await read(sqlite_store, workspace, most=most) is found
    assert len([call for call in workspace.calls if "members" in call]) == pages
    assert pages or workspace.calls == []


async def test_an_empty_member_list_is_unknown_not_cleared(sqlite_store):
    assert await read(sqlite_store, Workspace(members_in=())) is Audience.UNKNOWN


@pytest.mark.parametrize("call", ["members from 0", "members from 2"])
async def test_an_unreadable_member_list_raises(sqlite_store, call):
    await give(sqlite_store, ALICE)
    workspace = Workspace(members_in=(ALICE, ALICE, ROBOT), failing={call})
    with pytest.raises(Silent):
        await read(sqlite_store, workspace)


@pytest.mark.parametrize("untold", [ALICE, ROBOT])
async def test_an_unknown_standing_makes_the_audience_unknown(sqlite_store, untold):
    await give(sqlite_store, ALICE)
    failing = {f"standing of {untold}"}
    workspace = Workspace(members_in=(ALICE, ROBOT), failing=failing)
    assert await read(sqlite_store, workspace) is Audience.UNKNOWN
    assert asked_after(workspace) == [ALICE, ROBOT], "each once"
    assert (TEAM, untold) not in await remembered(sqlite_store)


async def test_an_unknown_standing_does_not_hide_an_uncleared_listener(sqlite_store):
    for user_id in (ALICE, BOB):
        await give(sqlite_store, user_id)
    workspace = Workspace(
        members_in=(ALICE, BOB),
        standings={BOB: Standing.EXTERNAL},
        failing={f"standing of {ALICE}"},
    )
    assert await read(sqlite_store, workspace) is Audience.NOT_CLEARED


@pytest.mark.parametrize(
    ("members", "standings", "found"),
    [
        pytest.param([ALICE, BOB], {}, Audience.UNKNOWN, id="one may be cleared, or not"),
        pytest.param([ALICE, ROBOT], {}, Audience.CLEARED, id="a bot need not be"),
        pytest.param([ALICE, BOB], {BOB: GUEST}, Audience.NOT_CLEARED, id="a guest is not by it"),
        pytest.param([ALICE, BOB, ALICE, DENIED], {}, Audience.NOT_CLEARED, id="nor who is denied"),
    ],
)
async def test_an_unreadable_granted_group_makes_its_members_unknown(
    sqlite_store, members, standings, found
):
    await give(sqlite_store, ALICE)
    await give(sqlite_store, GROUP)
    await deny(sqlite_store, DENIED)
    workspace = Workspace(members_in=members, standings=standings)
    assert await read(sqlite_store, workspace, groups={GROUP: None}) is found
    again = await read(sqlite_store, workspace, groups={GROUP: None})
    assert again is found, "also by stored standings"


async def test_an_unreadable_denied_group_makes_everybody_unknown(sqlite_store):
    await give(sqlite_store, ALICE)
    await deny(sqlite_store, GROUP)
    for standing, found in {
        Standing.MEMBER: Audience.UNKNOWN,
        Standing.GUEST: Audience.UNKNOWN,
        Standing.DEACTIVATED: Audience.NOT_CLEARED,
    }.items():
        workspace = Workspace(members_in=(ALICE,), standings={ALICE: standing})
        await forget(sqlite_store)
        assert await read(sqlite_store, workspace, groups={GROUP: None}) is found


async def forget(database) -> None:
    async with database.write() as session:
        await session.execute(delete(StandingRow))


@pytest.mark.parametrize("pages", [1, 2, 5, 6, 20, 21, 23])
async def test_every_member_on_every_page_counts(sqlite_store, pages):
    everybody = [f"U0PERSON{number:02d}" for number in range(pages)]
    for user_id in everybody:
        await give(sqlite_store, user_id)
    workspace = Workspace(members_in=everybody, page_size=1)
    assert await read(sqlite_store, workspace, most=pages) is Audience.CLEARED
    await deny(sqlite_store, everybody[-1])
    assert await read(sqlite_store, workspace, most=pages) is Audience.NOT_CLEARED
    assert await read(sqlite_store, workspace, most=pages - 1) is Audience.TOO_LARGE


DAVE, EVE = "U0DAVE000", "U0EVE0000"


@pytest.mark.parametrize(
    ("limit", "named", "calls"),
    [
        pytest.param(1, [BOB], ["members from 0"], id="a stored one needs no call"),
        pytest.param(2, [BOB, EVE], ["members from 0", EVE], id="no page more than needed"),
        pytest.param(
            3,
            [BOB, EVE, CAROL],
            ["members from 0", EVE, "members from 2"],
            id="stored and asked, page after page",
        ),
        pytest.param(
            9,
            [BOB, EVE, CAROL, DAVE],
            ["members from 0", EVE, "members from 2", DAVE, "members from 4", ROBOT],
            id="all there are, without those who are cleared and bots",
        ),
    ],
)
async def test_an_admin_sees_the_first_uncleared_listeners(sqlite_store, limit, named, calls):
    await give(sqlite_store, ALICE)
    workspace = Workspace(members_in=(BOB, EVE, CAROL, DAVE, ALICE, ROBOT))
    readers = readers_on(sqlite_store, workspace)
    async for _ in readers.standings.learn(TEAM, [ALICE, BOB, CAROL]):
        workspace.calls.clear()
    found = await readers.audience.not_cleared(TEAM, Members(workspace, CHANNEL), limit)
    assert found == tuple(named)
    assert [call.removeprefix("standing of ") for call in workspace.calls] == calls


async def test_the_search_for_uncleared_listeners_stops_at_its_limits(sqlite_store):
    workspace = Workspace(members_in=(BOB, CAROL, DAVE, EVE))
    reader = readers_on(sqlite_store, workspace, most=2).audience
    found = await reader.not_cleared(TEAM, Members(workspace, CHANNEL), 9)
    assert found == (BOB, CAROL), "those on the pages within the largest audience"

    crowd = [f"U0PERSON{number:02d}" for number in range(2 * AT_ONCE)]
    workspace = Workspace(members_in=crowd, page_size=2 * AT_ONCE)
    reader = readers_on(sqlite_store, workspace, most=2 * AT_ONCE).audience
    found = await reader.not_cleared(TEAM, Members(workspace, CHANNEL), AT_ONCE)
    assert found == tuple(crowd[:AT_ONCE])
    assert asked_after(workspace) == crowd[:AT_ONCE], "nobody else once that many are found"
