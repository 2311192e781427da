"""Pages of members: as few as answer the question, each fetched once."""

from bot.access.members import Members
from tests.access.builders import CHANNEL, Workspace

FIVE = ("U1", "U2", "U3", "U4", "U5")


async def test_looking_for_somebody_stops_at_the_page_that_holds_them():
    workspace = Workspace(members_in=FIVE)
    assert await Members(workspace, CHANNEL).include("U3")
    assert workspace.calls == ["members from 0", "members from 2"]


async def test_who_is_on_no_page_is_no_member():
    workspace = Workspace(members_in=FIVE)
    assert not await Members(workspace, CHANNEL).include("U9")
    assert workspace.calls == ["members from 0", "members from 2", "members from 4"]


async def test_a_page_is_fetched_once_however_often_it_is_looked_at():
    workspace = Workspace(members_in=FIVE)
    members = Members(workspace, CHANNEL)
    await members.include("U2")
    pages = [page async for page in members.pages()]
    assert pages == [("U1", "U2"), ("U3", "U4"), ("U5",)]
    assert [page async for page in members.pages()] == pages
    assert workspace.calls == ["members from 0", "members from 2", "members from 4"]


async def test_two_who_read_at_once_see_every_page_once():
    members = Members(Workspace(members_in=FIVE), CHANNEL)
    one, other = members.pages(), members.pages()
    seen = [await anext(one), await anext(other), await anext(other), await anext(one)]
    assert seen == [("U1", "U2"), ("U1", "U2"), ("U3", "U4"), ("U3", "U4")]
    await one.aclose()
    await other.aclose()
