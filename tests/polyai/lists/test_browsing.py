"""One screen of calls at a time, from both lists of the stand-in."""

from datetime import timedelta
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.polyai.browsing import MAX_CHUNKS, CallBrowser, CallFilter, _parsed, _place_text
from bot.polyai.errors import PolyAIRequestInvalid
from bot.polyai.http import HttpGet
from bot.polyai.pages import PageStart
from bot.polyai.transport import build_http_client
from tests.polyai.conftest import NOW
from tests.polyai.lists.conftest import HOUR, scripted
from tests.polyai.scripted_server import answer

LAST_MONTH = CallFilter(NOW - timedelta(days=30), NOW)


@pytest.fixture
async def browser():
    async with build_http_client(4) as http:
        yield CallBrowser(HttpGet(http, clock=lambda: NOW))


async def walk(browser, agent, wanted, *, most=50):
    """Every screen up to the end."""
    screens, place = [], ""
    for _ in range(most):
        screen = await browser.screen(agent, wanted, size=10, place=place)
        screens.append([call.conversation_id for call in screen.calls])
        if screen.older is None:
            return screens
        place = screen.older
    raise AssertionError("the list has no end")


async def test_consecutive_screens_contain_every_call(polyai, browser, agent):
    line = polyai.generate_calls(123, newest_at=NOW - HOUR, every=timedelta(minutes=7))
    screens = await walk(browser, agent, LAST_MONTH)
    assert [len(each) for each in screens] == [10] * 12 + [3]
    assert list(chain(*screens)) == [line.call(index).conversation_id for index in range(123)]


async def test_a_place_returns_the_same_screen_again(polyai, browser, agent):
    polyai.generate_calls(30, newest_at=NOW - HOUR, every=timedelta(minutes=7))
    first = await browser.screen(agent, LAST_MONTH, size=10)
    second = await browser.screen(agent, LAST_MONTH, size=10, place=first.older)
    assert await browser.screen(agent, LAST_MONTH, size=10, place=first.older) == second


async def test_only_matching_calls_are_shown_without_an_empty_last_screen(polyai, browser, agent):
    line = polyai.generate_calls(300, newest_at=NOW - HOUR, every=timedelta(minutes=7))
    handed_over = [c.conversation_id for c in map(line.call, range(300)) if c.handoff]
    wanted = CallFilter(LAST_MONTH.since, LAST_MONTH.until, handoff=True)
    screens = await walk(browser, agent, wanted)
    assert list(chain(*screens)) == handed_over
    assert all(screens)
    others = CallFilter(LAST_MONTH.since, LAST_MONTH.until, handoff=False)
    assert sum(map(len, await walk(browser, agent, others))) == 300 - len(handed_over)


async def test_chats_are_left_out(polyai, browser, agent):
    polyai.add_call("CA1", started_at=NOW - HOUR)
    polyai.add_call("AS_CHAT_1", started_at=NOW - HOUR, channel="WEBCHAT")
    assert await walk(browser, agent, LAST_MONTH) == [["CA1"]]


async def test_a_day_long_ago_is_found_with_few_requests(polyai, browser, agent):
    line = polyai.generate_calls(200_000, newest_at=NOW, every=timedelta(minutes=1))
    day = CallFilter(NOW - timedelta(days=100), NOW - timedelta(days=99))
    screen = await browser.screen(agent, day, size=10)
    expected = [line.call(99 * 1440 + index).conversation_id for index in range(1, 11)]
    assert [call.conversation_id for call in screen.calls] == expected
    assert len([*polyai.requests, *polyai.platform.requests]) <= 20


async def test_a_rarely_matching_filter_stops_after_a_few_requests(polyai, browser, agent):
    polyai.generate_calls(500, newest_at=NOW - HOUR, every=timedelta(seconds=1))
    never = CallFilter(NOW - 2 * HOUR, NOW, handoff=True)
    for number in range(400):
        polyai.add_call(f"CA-new-{number}", started_at=NOW - timedelta(seconds=1 + number))
    screen = await browser.screen(agent, never, size=10)
    assert screen.calls == ()
    assert screen.older is not None
    asked = [*polyai.requests, *polyai.platform.requests]
    assert len(asked) <= MAX_CHUNKS + 1
    again = await browser.screen(agent, never, size=10, place=screen.older)
    assert len(again.calls) == 10


async def test_calls_that_start_meanwhile_hide_no_older_call(polyai, browser, agent):
    line = polyai.generate_calls(40, newest_at=NOW - HOUR, every=timedelta(minutes=1))
    first = await browser.screen(agent, LAST_MONTH, size=10)
    for number in range(3):
        polyai.add_call(f"CA-new-{number}", started_at=NOW - timedelta(seconds=1 + number))
    seen = {call.conversation_id for call in first.calls}
    place = first.older
    while place is not None:
        screen = await browser.screen(agent, LAST_MONTH, size=10, place=place)
        seen |= {call.conversation_id for call in screen.calls}
        place = screen.older
    assert {line.call(index).conversation_id for index in range(40)} <= seen


@given(skip=st.integers(0, 50), value=st.text(), name=st.sampled_from(["cursor", "offset"]))
def test_a_formatted_place_is_read_back_unchanged(skip, value, name):
    assert _parsed(_place_text(skip, PageStart(name, value))) == (skip, PageStart(name, value))
    assert _parsed(_place_text(skip, None)) == (skip, None)


async def test_a_list_that_repeats_its_page_has_no_older_screen(server, browser):
    row = b'{"id": "CA1", "started_at": "2026-11-20T11:30:00Z"}'
    server.answers = [answer(body=b'{"conversations": [%s], "cursor": "again"}' % row)]
    agent = scripted(server, "v3")

    first = await browser.screen(agent, LAST_MONTH, size=10)

    assert ([call.conversation_id for call in first.calls], first.older) == (["CA1"], None)
    assert len(server.asked) == 2


async def test_only_a_refused_later_page_is_reported_as_an_expired_list(server, browser):
    server.answers = [answer(400, body=b'{"message": "cursor"}')]
    agent, place = scripted(server, "v3"), _place_text(0, PageStart("cursor", "expired"))

    with pytest.raises(PolyAIRequestInvalid) as later:
        await browser.screen(agent, LAST_MONTH, size=10, place=place)
    with pytest.raises(PolyAIRequestInvalid) as first:
        await browser.screen(agent, LAST_MONTH, size=10)

    assert "next page" in later.value.what
    assert "left open for too long" in later.value.likely_cause
    assert later.value.fix.startswith("Open the list again")
    assert first.value.likely_cause == "PolyAI's list of conversations has changed."


async def test_a_huge_total_does_not_prolong_the_search_for_a_time(server, browser):
    row = b'{"conversationId": "CA1", "startedAt": "2026-11-20T11:30:00Z", "clientEnv": "live"}'
    count = b"9" * 4000
    server.answers = [answer(body=b'{"conversations": [%s], "count": %s}' % (row, count))]
    before = CallFilter(NOW - timedelta(days=30), NOW - HOUR)

    await browser.screen(scripted(server, "v1"), before, size=10)

    assert len(server.asked) <= MAX_CHUNKS + 1
