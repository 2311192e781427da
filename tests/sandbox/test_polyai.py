import gzip
import hashlib

import httpx
import pytest

from bot.sandbox.faults import Fault
from bot.sandbox.polyai_calls import Recording, Shape
from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.recordings import load, raw_span
from tests.tables import each_row

AGENT, CALL = "PROJECT-SANDBOX", "CA1"
PATH = f"/v1/agents/{AGENT}/conversations/{CALL}"
ASKS = {"x-api-key": "plain", "Accept": "audio/wav"}


@pytest.fixture
async def polyai():
    async with PolyAISandbox() as polyai:
        polyai.add_key("plain")
        polyai.add_key("raw", pii=True)
        polyai.add_key("narrow", agents={"OTHER"})
        polyai.add_key("european", pii=True, region="eu")
        polyai.add_call(CALL, recording=Recording.speech())
        polyai.add_call("AS_CHAT_1", channel="WEBCHAT")
        polyai.add_call("CA2", recording=Recording.speech(), in_progress=True)
        yield polyai


@pytest.fixture
def get(http, polyai):
    async def get(path=f"{PATH}/audio", key="plain", headers=None, **query):
        own = ASKS | {"x-api-key": key} | (headers or {})
        return await http.get(polyai.url + path, params=query, headers=own)

    return get


@each_row(
    "key_query_raw",
    [
        ("raw", {}, True),
        ("raw", {"redacted": "false"}, True),
        ("raw", {"redacted": "true"}, False),
        ("plain", {}, False),
        ("plain", {"redacted": "false"}, False),
        ("plain", {"redacted": "true"}, False),
    ],
)
@each_row("direction", ["combined", "user", "agent"])
async def test_each_key_and_parameter_returns_its_variant(get, polyai, key_query_raw, direction):
    key, query, raw = key_query_raw
    answer = await get(key=key, direction=direction, **query)
    assert answer.content == load(direction, redacted=not raw)
    assert answer.headers["Content-Type"] == "audio/wav"
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert (raw_span() in answer.content) is (raw and direction != "agent")
    assert polyai.requests[-1].key_kind == key
    assert key not in polyai.requests[-1].headers_without_key.values()


@each_row(
    ("asking", "status", "code"),
    [
        ({"key": "wrong"}, 401, "AUTH_USER_INVALID_TOKEN"),
        ({"key": "european"}, 401, "AUTH_USER_INVALID_TOKEN"),
        ({"key": "narrow"}, 403, "USER_ACCESS_FORBIDDEN"),
        ({"path": "/v1/agents/NONE/conversations/CA1/audio"}, 404, "PROJECT_NOT_FOUND"),
        ({"path": PATH.replace("CA1", "CA9") + "/audio"}, 404, "CONVERSATIONS_NOT_FOUND"),
        ({"path": PATH.replace("CA1", "{conversationId}")}, 404, "CONVERSATIONS_NOT_FOUND"),
        (
            {"path": PATH.replace("CA1", "AS_CHAT_1") + "/audio"},
            404,
            "CONVERSATIONS_RECORDING_NOT_FOUND",
        ),
        ({"path": PATH.replace("CA1", "CA2") + "/audio"}, 404, "CONVERSATIONS_RECORDING_NOT_FOUND"),
        ({"direction": "left"}, 400, "CONVERSATIONS_VALIDATION_FAILED"),
        ({"redacted": "True"}, 400, "CONVERSATIONS_VALIDATION_FAILED"),
        ({"colour": "red"}, 400, "SCHEMA_VALIDATION_FAILED"),
        ({"headers": {"Content-Type": "application/json"}}, 400, "SCHEMA_VALIDATION_FAILED"),
        ({"headers": {"Accept": "*/*"}}, 406, "SCHEMA_VALIDATION_FAILED"),
    ],
)
async def test_each_refusal_has_the_documented_envelope(get, asking, status, code):
    answer = await get(**asking)
    body = answer.json()
    assert (answer.status_code, body["error_code"]) == (status, code)
    assert (body["success"], body["data"]) == (False, None)
    assert body["error_id"] == answer.headers["X-PolyAI-Correlation-Id"]


async def test_the_callers_correlation_id_is_returned(get):
    answer = await get(headers={"X-PolyAI-Correlation-Id": "mine"})
    assert answer.headers["X-PolyAI-Correlation-Id"] == "mine"
    assert (await get(path="/v3/a/b/conversations")).headers["X-PolyAI-Correlation-Id"]


async def test_single_calls_and_the_list_are_returned(get, polyai):
    one = (await get(path=PATH)).json()
    assert one["audioUrl"] == "conversations/CA1/audio"
    assert one["finishedAt"] == "2026-06-03T13:18:18.370000+00:00"
    polyai.add_call("CA3", row={"polyScore": 4.0})
    page = (await get(path=f"/v1/agents/{AGENT}/conversations", limit=2, offset=3)).json()
    assert (page["count"], page["limit"]) == (4, 2)
    (row,) = page["conversations"]
    assert (row["audioUrl"], row["polyScore"]) == (None, 4.0)
    assert (await get(path=f"/v1/agents/{AGENT}/conversations", limit=0)).status_code == 400
    assert (await get(path=f"/v1/agents/{AGENT}/conversations", from_time=0)).status_code == 400


SPEECH = load("combined", redacted=True)
NOT_AUDIO = {Shape.HTML: "text/html; charset=utf-8", Shape.JSON: "application/json; charset=utf-8"}


def size_in(header):
    return int.from_bytes(header[4:8], "little")


@each_row(
    ("shape", "check"),
    [
        (Shape.CHUNKED, lambda body: body == SPEECH),
        (Shape.SLOW, lambda body: body == SPEECH),
        (Shape.TO_THE_END, lambda body: body == SPEECH),
        (Shape.CHUNKED_SIZES_UNKNOWN, lambda body: body[4:8] == body[40:44] == b"\xff" * 4),
        (Shape.CHUNKED_SIZES_ZERO, lambda body: body[4:8] == body[40:44] == bytes(4)),
        (Shape.CHUNKED_SIZES_HUGE, lambda body: body[4:8] == body[40:44] == b"\xff\xff\xff\x7f"),
        (Shape.RIFF_SAYS_MORE, lambda body: size_in(body) > len(body)),
        (Shape.RIFF_SIZE_OF_FILE, lambda body: size_in(body) == len(body) == len(SPEECH)),
        (Shape.RIFF_SAYS_LESS, lambda body: size_in(body) < len(body) == len(SPEECH)),
        (Shape.TRAILER, lambda body: body.startswith(SPEECH) and body != SPEECH),
        (Shape.EMPTY_DATA, lambda body: len(body) == 44 and body[40:44] == bytes(4)),
        (Shape.OVERLONG, lambda body: len(body) > len(SPEECH) and body[:4] == b"RIFF"),
        (Shape.HTML, lambda body: b"<html>" in body),
        (Shape.JSON, lambda body: body[:1] == b"{"),
        (Shape.EMPTY, lambda body: body == b""),
        (Shape.NOT_RIFF, lambda body: body[:3] == b"ID3"),
    ],
)
async def test_a_body_of_each_shape_has_its_headers_and_bytes(get, polyai, shape, check):
    polyai.add_call(CALL, recording=Recording.speech(), shape=shape, pause_seconds=0.001)
    answer = await get()
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == NOT_AUDIO.get(shape, "audio/wav")
    assert check(answer.content)
    unannounced = shape.startswith(("chunked", "overlong", "to_the_end"))
    assert ("Content-Length" in answer.headers) is not unannounced


async def test_each_invalid_shape_of_a_body_is_sent_as_named(get, http, polyai):
    polyai.add_call(CALL, recording=Recording.speech(), shape=Shape.GZIP)
    async with http.stream("GET", f"{polyai.url}{PATH}/audio", headers=ASKS) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(b"".join([c async for c in answer.aiter_raw()])) == SPEECH
    polyai.add_call(CALL, recording=Recording.speech(), shape=Shape.REDIRECT)
    assert (await get()).status_code == 302
    polyai.add_call(CALL, recording=Recording.speech(), shape=Shape.TRUNCATED)
    with pytest.raises(httpx.RemoteProtocolError):
        await get()


@pytest.mark.parametrize("redacted", [True, False])
async def test_synthetic_recordings_stream_the_same_every_time(get, polyai, redacted):
    size = 5_000_001
    recording = Recording.synthetic(size)
    polyai.add_call(CALL, recording=recording)
    answer = await get(key="raw", redacted=str(redacted).lower())
    assert len(answer.content) == size == recording.length("combined", redacted=redacted)
    assert size_in(answer.content) == size - 8
    assert (recording.raw_span() in answer.content) is not redacted
    made = b"".join(recording.pieces("combined", redacted=redacted))
    assert hashlib.sha256(made).digest() == hashlib.sha256(answer.content).digest()


async def test_each_scripted_fault_is_applied(get, polyai):
    polyai.faults.add(Fault("audio", status=429, headers={"Retry-After": "3"}))
    polyai.faults.add(Fault("audio", status=401))
    polyai.faults.add(Fault("audio", status=502, body=b"<html>"))
    polyai.faults.add(Fault("conversation", status=404, error="CONVERSATIONS_NOT_FOUND"))
    answers = [await get(), await get(), await get(), await get(path=PATH)]
    assert [answer.status_code for answer in answers] == [429, 401, 502, 404]
    assert answers[0].headers["Retry-After"] == "3"
    assert answers[1].json()["error_code"] == "AUTH_USER_INVALID_TOKEN"
    for when in ("before", "after"):
        polyai.faults.add(Fault("audio", when=when, drop_connection=True))
        with pytest.raises(httpx.TransportError):
            await get()
    assert (await get()).content == SPEECH
    assert [request.status for request in polyai.requests[-3:]] == [0, 200, 200]


async def test_a_body_can_stall_halfway(polyai, http):
    polyai.faults.add(Fault("audio", when="after", hang=True))
    got = b""
    async with http.stream("GET", f"{polyai.url}{PATH}/audio", headers=ASKS) as answer:
        await polyai.faults.reached("audio")
        polyai.faults.release("audio")
        async for chunk in answer.aiter_raw():
            got += chunk
    assert got == SPEECH
