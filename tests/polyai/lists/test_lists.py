"""Every conversation of a period, once, from both lists of the stand-in, over HTTP."""

import gc
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.network.paging import MAX_STANDSTILL_PAGES
from bot.polyai import errors
from bot.polyai.http import HttpGet
from bot.polyai.list_errors import ListUnreadable
from bot.polyai.lists import CallLists, _Recent
from bot.polyai.normalization import CallSummary
from bot.polyai.transport import build_http_client
from bot.sandbox.faults import Fault
from tests.examples import examples
from tests.polyai.conftest import NOW, agent_of
from tests.polyai.lists.conftest import HOUR, scripted
from tests.polyai.scripted_server import answer


@pytest.fixture
async def lists(waits):
    async def no_sleep(seconds):
        waits.append(seconds)

    async with build_http_client(4) as http:
        yield CallLists(HttpGet(http, clock=lambda: NOW, sleep=no_sleep))


async def ids(lists, agent, since, until):
    return [call.conversation_id async for call in lists.between(agent, since, until)]


async def collect(calls, seen):
    async for call in calls:
        seen.append(call)


def route_of(agent):
    return "platform_conversations" if agent.platform else "conversations"


async def test_each_call_of_the_period_is_listed_once(polyai, lists, agent):
    line = polyai.generate_calls(3000, newest_at=NOW, every=timedelta(minutes=1))
    since, until = NOW - timedelta(minutes=2500), NOW - timedelta(minutes=10)
    expected = [line.call(index).conversation_id for index in range(11, 2501)]
    assert sorted(await ids(lists, agent, since, until)) == sorted(expected)


async def test_the_period_includes_its_start_and_excludes_its_end(polyai, lists, agent):
    for name, at in {"CA1": NOW - HOUR, "CA2": NOW - HOUR / 2, "CA3": NOW}.items():
        polyai.add_call(name, started_at=at)
    assert sorted(await ids(lists, agent, NOW - HOUR, NOW)) == ["CA1", "CA2"]
    assert await ids(lists, agent, NOW, NOW) == []


async def test_each_list_gets_its_own_key_and_no_other(polyai, lists, agent):
    polyai.add_call("CA1", started_at=NOW - HOUR)
    assert await ids(lists, agent, NOW - 2 * HOUR, NOW) == ["CA1"]
    assert {each.key_kind for each in polyai.requests} == (set() if agent.platform else {"plain"})
    kinds = {each.key_kind for each in polyai.platform.requests}
    assert kinds == ({"platform"} if agent.platform else set())


async def test_calls_that_are_not_live_and_rows_without_a_start_are_left_out(polyai, lists, agent):
    polyai.add_call("CA1", started_at=NOW - HOUR)
    polyai.add_call("CA2", started_at=NOW - HOUR, row={"clientEnv": "sandbox"})
    nothing = {"row": {"startedAt": None}, "platform_row": {"started_at": None}}
    polyai.add_call("CA3", started_at=NOW - HOUR, **nothing)
    assert await ids(lists, agent, NOW - 2 * HOUR, NOW) == ["CA1"]


async def test_calls_that_start_meanwhile_neither_repeat_nor_hide_a_call(polyai, lists, agent):
    polyai.generate_calls(1500, newest_at=NOW - HOUR, every=timedelta(seconds=1))
    seen = []
    async for call in lists.between(agent, NOW - 2 * HOUR, NOW):
        if len(seen) % 50 == 0:
            polyai.add_call(f"CA-new-{len(seen)}", started_at=NOW - timedelta(seconds=1))
        seen.append(call.conversation_id)
    assert len(seen) == len(set(seen))
    assert {f"CA{number:032x}" for number in range(1500)} <= set(seen)


async def test_every_page_of_the_v3_list_is_requested_with_every_parameter(polyai, lists):
    polyai.generate_calls(2500, newest_at=NOW - HOUR, every=timedelta(seconds=1))
    agent = agent_of(polyai, "v3")
    assert len(await ids(lists, agent, NOW - 2 * HOUR, NOW)) == 2500
    first, *later = [dict(each.query) for each in polyai.platform.requests]
    assert first == {
        "start_time": "2026-11-20T10:00:00+00:00",
        "end_time": "2026-11-20T12:00:00+00:00",
        "client_env": "live",
        "limit": "200",
    }
    assert len(later) == 12
    for query in later:
        assert query.pop("cursor")
        assert query == first


async def test_the_v1_list_is_read_until_calls_started_too_early(polyai, lists):
    polyai.generate_calls(100_000, newest_at=NOW, every=timedelta(minutes=1))
    agent = agent_of(polyai, "v1")
    assert len(await ids(lists, agent, NOW - 5 * HOUR, NOW)) == 300
    assert [each.query["offset"] for each in polyai.requests] == ["0", "200", "400"]


async def test_a_bare_list_of_rows_is_read_to_its_end(polyai, lists):
    polyai.platform.bare_lists = True
    polyai.generate_calls(2500, newest_at=NOW - HOUR, every=timedelta(seconds=1))
    found = await ids(lists, agent_of(polyai, "v3"), NOW - 2 * HOUR, NOW)
    assert len(found) == len(set(found)) == 2500


@pytest.mark.parametrize(
    ("changes", "kind", "error", "said"),
    [
        ({"key": "wrong"}, "v1", errors.PolyAIKeyRejected, "region"),
        ({"platform_key": "plain"}, "v3", errors.PolyAIKeyRejected, "POLYAI_PLATFORM_API_KEY"),
        ({"account": "ws-2"}, "v3", errors.AgentNotFound, "POLYAI_ACCOUNT_ID"),
        ({"agent": "PROJECT-X"}, "v3", errors.AgentNotFound, "POLYAI_ACCOUNT_ID"),
        ({"agent": "PROJECT-X"}, "v1", errors.AgentNotFound, "POLYAI_AGENT_ID"),
        ({"agent": "PROJECT-2"}, "v3", errors.PolyAIForbidden, "POLYAI_PLATFORM_API_KEY"),
    ],
)
async def test_a_wrong_setting_is_reported_by_its_name(polyai, lists, changes, kind, error, said):
    polyai.agents.add("PROJECT-2")
    agent = agent_of(polyai, kind, **changes)
    with pytest.raises(error) as caught:
        await ids(lists, agent, NOW - HOUR, NOW)
    words = f"{caught.value.what} {caught.value.likely_cause} {caught.value.fix}"
    assert said in words
    assert "conversation with this id" not in words
    assert caught.value.correlation_id


async def test_a_retry_after_is_respected_and_temporary_faults_are_retried(
    polyai, lists, agent, waits
):
    polyai.add_call("CA1", started_at=NOW - HOUR)
    polyai.faults.add(Fault(route_of(agent), status=429, headers={"Retry-After": "7"}))
    polyai.faults.add(Fault(route_of(agent), status=503))
    polyai.faults.add(Fault(route_of(agent), drop_connection=True, times=2))
    assert await ids(lists, agent, NOW - 2 * HOUR, NOW) == ["CA1"]
    assert waits[0] >= 7


async def test_a_failed_page_raises_after_the_calls_of_earlier_pages(polyai, lists, agent):
    polyai.generate_calls(2500, newest_at=NOW - HOUR, every=timedelta(seconds=1))
    seen = []
    calls = lists.between(agent, NOW - 2 * HOUR, NOW)
    seen.append(await anext(calls))
    polyai.faults.add(Fault(route_of(agent), status=500))
    with pytest.raises(errors.PolyAIServerError) as caught:
        await collect(calls, seen)
    assert len(seen) == 200
    assert "plain" not in repr(caught.value)


@pytest.mark.parametrize("kind", ["v1", "v3"])
@pytest.mark.parametrize("body", [b"{}", b"[", b"7", b"null", b'{"conversations": 5}', b"<html>"])
async def test_a_response_that_is_not_a_list_is_reported(server, lists, kind, body):
    server.answers = [answer(body=body)]
    with pytest.raises(ListUnreadable) as caught:
        await ids(lists, scripted(server, kind), NOW - HOUR, NOW)
    url = {"v1": "POLYAI_API_URL", "v3": "POLYAI_PLATFORM_URL"}[kind]
    assert url in caught.value.fix


def pages(count, rows):
    """Pages of the v3 list, each with a new cursor."""
    return [b'{"conversations": [%s], "cursor": "c%d"}' % (rows(n), n) for n in range(count)]


ROW = b'{"id": "CA%d", "started_at": "2026-11-20T11:30:00Z"}'
STUCK = {
    "a cursor is repeated": ("v3", [*pages(2, lambda _: b""), *pages(1, lambda _: b"")], 3),
    "new cursors, no rows": ("v3", pages(99, lambda _: b""), MAX_STANDSTILL_PAGES),
    "only unusable rows": (
        "v1",
        [b'{"conversations": [%s]}' % b",".join([b"{}"] * 200)],
        MAX_STANDSTILL_PAGES + 1,
    ),
    "endless": ("v3", pages(99, lambda number: ROW % number), 30),
}


@pytest.mark.parametrize(("kind", "bodies", "asked"), STUCK.values(), ids=STUCK)
async def test_a_list_without_progress_or_end_ends_the_reading(
    server, lists, monkeypatch, kind, bodies, asked
):
    monkeypatch.setattr("bot.polyai.lists.MAX_PAGES", 30)
    server.answers = [answer(body=body) for body in bodies]
    with pytest.raises(ListUnreadable):
        await ids(lists, scripted(server, kind), NOW - HOUR, NOW)
    assert len(server.asked) == asked


async def test_a_list_that_ignores_the_offset_ends_the_reading(server, lists):
    row = b'{"conversationId": "CA1", "startedAt": "2026-11-20T11:30:00Z", "clientEnv": "live"}'
    server.answers = [answer(body=b'{"conversations": [%s]}' % row)]
    seen = []
    with pytest.raises(ListUnreadable):
        await collect(lists.between(scripted(server, "v1"), NOW - HOUR, NOW), seen)
    assert [call.conversation_id for call in seen] == ["CA1"]


async def test_a_page_that_is_too_large_is_requested_in_smaller_ones(polyai, lists, monkeypatch):
    monkeypatch.setattr("bot.polyai.pages.MAX_PAGE_BYTES", 100_000)
    polyai.generate_calls(1200, newest_at=NOW - HOUR, every=timedelta(seconds=1))
    assert len(await ids(lists, agent_of(polyai, "v3"), NOW - 2 * HOUR, NOW)) == 1200
    assert {each.query["limit"] for each in polyai.platform.requests} == {"200", "50"}
    monkeypatch.setattr("bot.polyai.pages.MAX_PAGE_BYTES", 100)
    with pytest.raises(errors.AnswerTooLarge):
        await ids(lists, agent_of(polyai, "v3"), NOW - 2 * HOUR, NOW)


@pytest.mark.parametrize("calls", [4_000, pytest.param(20_000, marks=pytest.mark.long)])
async def test_only_a_few_pages_are_held_in_memory(polyai, lists, agent, calls):
    polyai.generate_calls(calls, newest_at=NOW - HOUR, every=timedelta(seconds=1))
    count, held = 0, []
    async for _ in lists.between(agent, NOW - timedelta(days=30), NOW):
        count += 1
        if count % 1999 == 0:
            held.append(sum(type(each) is CallSummary for each in gc.get_objects()))
    assert count == calls
    assert max(held) <= 2000


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=examples(24),
)
@given(arrivals=st.lists(st.integers(0, 7), max_size=12), size=st.integers(8, 12))
def test_drifting_offsets_neither_repeat_nor_lose_a_call(arrivals, size):
    """New rows push old ones behind the next page's start, by less than a page each time."""
    line = [f"CA{number}" for number in range(60)]
    recent, seen, offset = _Recent(), [], 0
    added = iter([*arrivals, *[0] * 100])
    total = len(line)
    while offset < total:
        page, total = line[offset : offset + size], len(line)
        seen += [each for each in page if recent.is_new(each)]
        recent.turn()
        offset += len(page)
        line = [f"NEW{len(line)}-{number}" for number in range(next(added))] + line
    assert len(seen) == len(set(seen))
    assert {f"CA{number}" for number in range(60)} <= set(seen)
