"""The stand-in's v3 list refuses what PolyAI would refuse, and pages as it is documented."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.sandbox.polyai_server import PolyAISandbox
from tests.tables import each_row

AGENT = "PROJECT-SANDBOX"
NEWEST = datetime(2026, 6, 3, 12, tzinfo=UTC)


@pytest.fixture
async def polyai():
    async with PolyAISandbox() as polyai:
        polyai.add_key("plain")
        polyai.add_platform_key("platform", account_id="ws-1", agents=[AGENT])
        polyai.agents.add("PROJECT-2")
        polyai.generate_calls(25, newest_at=NEWEST, every=timedelta(minutes=1))
        yield polyai


@pytest.fixture
def get(http, polyai):
    async def get(*, key="platform", account="ws-1", agent=AGENT, base=None, **query):
        base = base or polyai.platform.origin
        url = f"{base}/v3/{account}/{agent}/conversations"
        return await http.get(url, params=query, headers={"x-api-key": key} if key else {})

    return get


@each_row(
    ("asking", "status"),
    [
        ({"key": None}, 401),
        ({"key": "plain"}, 401),
        ({"account": "ws-2"}, 404),
        ({"agent": "PROJECT-9"}, 404),
        ({"agent": "PROJECT-2"}, 403),
        ({"limit": "0"}, 400),
        ({"limit": "1001"}, 400),
        ({"limit": "many"}, 400),
        ({"offset": "-1"}, 400),
        ({"start_time": "2026-06-03T12:00:00"}, 400),
        ({"end_time": "yesterday"}, 400),
        ({"client_env": "production"}, 400),
        ({"in_progress": "yes"}, 400),
        ({"cursor": "broken"}, 400),
        ({"colour": "red"}, 400),
    ],
)
async def test_each_invalid_request_is_refused(get, asking, status):
    answer = await get(**asking)
    assert answer.status_code == status
    assert answer.json()["error_id"] == answer.headers["X-PolyAI-Correlation-Id"]


async def test_each_host_serves_only_its_own_list(get, http, polyai):
    assert (await get(base=polyai.url)).status_code == 404
    path = f"/v1/agents/{AGENT}/conversations"
    headers = {"x-api-key": "platform"}
    assert (await http.get(polyai.platform.origin + path, headers=headers)).status_code == 404
    assert (await http.get(polyai.url + path, headers=headers)).status_code == 401


async def test_a_cursor_keeps_its_place_during_writes_and_overrides_the_offset(get, polyai):
    first = (await get(limit="10")).json()
    polyai.add_call("CA-new", started_at=NEWEST + timedelta(minutes=1))
    second = (await get(limit="10", cursor=first["cursor"], offset="3")).json()
    third = (await get(limit="10", cursor=second["cursor"])).json()
    rows = [row for page in (first, second, third) for row in page["conversations"]]
    assert [row["id"] for row in rows] == [f"CA{number:032x}" for number in range(24, -1, -1)]
    assert third["cursor"] is None
    drifted = (await get(limit="10", offset="10")).json()
    assert drifted["conversations"][0]["id"] == rows[9]["id"]


async def test_a_cursor_requires_all_other_parameters_again(get):
    first = (await get(limit="10")).json()
    assert (await get(limit="5", cursor=first["cursor"])).status_code == 400


async def test_times_and_environments_filter_the_list(get, polyai):
    polyai.add_call("CA-test", started_at=NEWEST, row={"clientEnv": "sandbox"})
    start = NEWEST - timedelta(minutes=3)
    answer = await get(start_time=start.isoformat(), end_time=NEWEST.isoformat())
    times = [row["started_at"][11:16] for row in answer.json()["conversations"]]
    assert times == ["11:59", "11:58", "11:57"]
    answer = await get(client_env="sandbox")
    assert [row["id"] for row in answer.json()["conversations"]] == ["CA-test"]


async def test_given_and_generated_calls_are_listed_in_one_order(get, http, polyai):
    polyai.add_call("CA-given", started_at=NEWEST - timedelta(seconds=630))
    rows = (await get()).json()["conversations"]
    assert [row["id"] for row in rows].index("CA-given") == 11
    for offset in range(26):
        answer = await http.get(
            f"{polyai.url}/v1/agents/{AGENT}/conversations",
            params={"limit": "1", "offset": str(offset)},
            headers={"x-api-key": "plain"},
        )
        (row,) = answer.json()["conversations"]
        assert row["conversationId"] == rows[offset]["id"]


async def test_of_a_million_rows_only_the_requested_ones_are_generated(get, polyai):
    polyai.generate_calls(1_000_000, newest_at=NEWEST, every=timedelta(seconds=1))
    oldest = (await get(offset="999990", limit="20")).json()["conversations"]
    assert [row["id"] for row in oldest] == [f"CA{number:032x}" for number in range(9, -1, -1)]
