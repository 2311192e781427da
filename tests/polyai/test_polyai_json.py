"""JSON from PolyAI is read in bounded memory and, if it is large, in a thread."""

import json
import threading
import tracemalloc
from functools import partial

import pytest

from bot.polyai import client as client_module
from bot.polyai import errors
from bot.polyai.client import FACTS, MAX_TURNS, TRANSCRIPT, PolyAIClient
from bot.polyai.http import HttpGet
from bot.polyai.normalization import (
    V1_FIELDS,
    V3_FIELDS,
    is_live_v1,
    is_live_v3,
    summary_from_v1,
    summary_from_v3,
)
from bot.polyai.pages import MAX_PAGE_BYTES, MAX_ROWS, ListPages
from bot.polyai.payloads import FACTS_FIELDS, call_facts
from bot.polyai.response import PARSED_AT_ONCE_BYTES
from bot.polyai.transcripts import TRANSCRIPT_FIELDS, transcript_of
from bot.polyai.transport import build_http_client
from bot.sandbox.faults import Fault
from tests.polyai.conftest import AGENT, NOW, agent_of
from tests.tables import each_row

CALL = "CAabcd1234567abcdef1250065d4fc7389"
ROUTES = {"facts": "conversation", "transcript": "conversation", "list": "conversations"}
MAX_BYTES = {"facts": FACTS.max_bytes, "transcript": TRANSCRIPT.max_bytes, "list": MAX_PAGE_BYTES}


@pytest.fixture
async def http():
    async with build_http_client(4) as http:
        yield http


@pytest.fixture
async def ask(polyai, http):
    """Request one kind of response; all come from the stand-in."""
    polyai.add_call(CALL, agent_id=AGENT)
    client = PolyAIClient(HttpGet(http, clock=lambda: NOW))
    pages = ListPages(HttpGet(http, clock=lambda: NOW))
    agent = agent_of(polyai, "v1")

    async def ask(kind):
        if kind == "facts":
            return await client.conversation(agent, CALL)
        if kind == "transcript":
            return await client.transcript(agent, CALL)
        return await pages.v1(agent, limit=200, offset=0)

    return ask


def filled(start, item, end, size):
    """A body of about ``size`` bytes, filled with the same item again and again."""
    count = (size - len(start) - len(end)) // (len(item) + 1)
    return start + b",".join([item] * count) + end


TINY = {
    "empty objects": b"{}",
    "empty arrays": b"[]",
    "numbers": b"1.5",
    "objects in what is never read": b'{"state":{"a":{}}}',
    "objects with a member that is kept": b'{"conversationId":"a"}',
}
USUAL = {("facts", name) for name in TINY} | {(kind, "empty objects") for kind in ROUTES}


@pytest.mark.parametrize(
    ("kind", "item"),
    [
        pytest.param(
            kind,
            item,
            id=f"{name} in {kind}",
            marks=() if (kind, name) in USUAL else pytest.mark.long,
        )
        for name, item in TINY.items()
        for kind in ROUTES
    ],
)
async def test_a_body_of_tiny_values_is_refused_before_it_fills_the_memory(polyai, ask, kind, item):
    start, end = b'{"conversationId":"%s","turns":[' % CALL.encode(), b"]}"
    if kind == "list":
        start = b'{"conversations":['
    body = filled(start, item, end, MAX_BYTES[kind])
    polyai.faults.add(Fault(ROUTES[kind], body=body, headers={"Content-Type": "application/json"}))

    tracemalloc.start()
    with pytest.raises(errors.AnswerTooLarge):
        await ask(kind)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    # The body, in pieces and whole; as objects it took twenty times as much.
    assert peak_bytes < 5 * len(body)


ROWS = [{"conversationId": f"CA{n}"} for n in range(MAX_ROWS + 1)]
TURNS = [{"user_input": "yes"}] * (MAX_TURNS + 1)


@each_row(
    ("kind", "body"),
    [
        *((kind, b" " * (max_bytes + 1)) for kind, max_bytes in MAX_BYTES.items()),
        ("list", json.dumps({"conversations": ROWS}).encode()),  # more than requested
        ("transcript", json.dumps({"conversationId": CALL, "turns": TURNS}).encode()),
    ],
)
async def test_a_body_with_too_much_is_refused_and_not_truncated(polyai, ask, kind, body):
    polyai.faults.add(Fault(ROUTES[kind], body=body))
    with pytest.raises(errors.AnswerTooLarge):
        await ask(kind)


@pytest.mark.parametrize("kind", ROUTES)
async def test_a_large_answer_is_parsed_and_read_in_a_thread_and_a_small_one_at_once(
    polyai, ask, kind, monkeypatch
):
    threads = []
    loads = json.loads

    def noting(body, **more):
        if len(body) > 100:
            threads.append(threading.current_thread())
        return loads(body, **more)

    monkeypatch.setattr("bot.polyai.response.json.loads", noting)
    await ask(kind)
    small = {"conversationId": CALL, "conversations": []}
    large = json.dumps({**small, "note": "x" * PARSED_AT_ONCE_BYTES}).encode()
    polyai.faults.add(Fault(ROUTES[kind], body=large))
    await ask(kind)

    here = threading.main_thread()
    assert [thread is here for thread in threads] == [True, False]


async def test_unread_values_are_not_kept(ask, monkeypatch):
    seen = []

    def noting(payload, *, conversation_id):
        seen.append(json.dumps(payload))
        return call_facts(payload, conversation_id=conversation_id)

    monkeypatch.setattr(client_module, "call_facts", noting)
    await ask("facts")

    (payload,) = seen
    assert CALL in payload
    assert not [word for word in ("turns", "user_input", "metrics", "Summary") if word in payload]


class Noting(dict):
    """An object that notes which members are asked for."""

    noted: set

    def get(self, name, default=None):
        self.noted.add(name)
        return super().get(name, default)


@each_row(
    ("reads", "fields"),
    [
        ([partial(call_facts, conversation_id=CALL)], FACTS_FIELDS),
        ([partial(transcript_of, conversation_id=CALL)], TRANSCRIPT_FIELDS),
        ([summary_from_v1, is_live_v1], V1_FIELDS),
        ([summary_from_v3, is_live_v3], V3_FIELDS),
    ],
)
def test_exactly_the_members_that_are_read_are_kept(reads, fields):
    noted = set()

    def noting(**members):
        found = Noting(members)
        found.noted = noted
        return found

    for direction, the_id in (("inbound", CALL), ("outbound", "OUT-1")):
        identified = {
            "id": the_id,
            "conversationId": the_id,
            "startedAt": NOW.isoformat(),
            "started_at": NOW.isoformat(),
        }
        turn = noting(user_input="a", agent_response="b")
        for read in reads:
            read(noting(**identified, direction=direction, turns=[turn]))
    assert noted | {"conversationId"} == fields | {"conversationId"}
