"""Pages of members: as few as needed, each fetched once."""

import pytest

from bot.access.directory import MAX_PAGES, MemberPage, Members
from bot.errors import CallAudioError
from bot.network.paging import PagingStuck
from tests.access.builders import CHANNEL, Workspace

FIVE = ("U1", "U2", "U3", "U4", "U5")


async def test_a_search_for_a_member_stops_at_their_page():
    workspace = Workspace(members_in=FIVE)
    assert await Members(workspace, CHANNEL).include("U3")
    assert workspace.calls == ["members from 0", "members from 2"]


async def test_a_person_on_no_page_is_not_a_member():
    workspace = Workspace(members_in=FIVE)
    assert not await Members(workspace, CHANNEL).include("U9")
    assert workspace.calls == ["members from 0", "members from 2", "members from 4"]


async def test_a_page_is_fetched_once_for_several_reads():
    workspace = Workspace(members_in=FIVE)
    members = Members(workspace, CHANNEL)
    await members.include("U2")
    pages = [page async for page in members.pages()]
    assert pages == [("U1", "U2"), ("U3", "U4"), ("U5",)]
    assert [page async for page in members.pages()] == pages
    assert workspace.calls == ["members from 0", "members from 2", "members from 4"]


async def test_two_concurrent_readers_see_every_page_once():
    members = Members(Workspace(members_in=FIVE), CHANNEL)
    one, other = members.pages(), members.pages()
    seen = [await anext(one), await anext(other), await anext(other), await anext(one)]
    assert seen == [("U1", "U2"), ("U1", "U2"), ("U3", "U4"), ("U3", "U4")]
    await one.aclose()
    await other.aclose()


class Circle(Workspace):
    """A directory whose list of members is circular."""

    async def members(self, channel_id, cursor):
        await super().members(channel_id, cursor and None)
        return MemberPage(("U1", "U2"), "again")


async def test_a_circular_list_finds_its_members_and_raises_for_others():
    members = Members(Circle(), CHANNEL)
    assert await members.include("U2")
    with pytest.raises(PagingStuck):
        await members.include("U9")
    with pytest.raises(PagingStuck):
        await members.include("U9")


async def test_an_endless_list_raises_at_the_page_limit():
    workspace = Workspace(members_in=[f"U{n}" for n in range(2 * MAX_PAGES + 1)])
    with pytest.raises(PagingStuck):
        await Members(workspace, CHANNEL).include("U-nobody")
    assert len(workspace.calls) == MAX_PAGES


async def test_a_failed_page_is_not_the_end_of_the_list():
    workspace = Workspace(members_in=FIVE, failing=["members from 2"])
    members = Members(workspace, CHANNEL)
    for _ in range(2):
        with pytest.raises(CallAudioError):
            await members.include("U9")
    workspace.failing = ()
    assert await members.include("U5")
