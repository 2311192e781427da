"""The client over real HTTP on loopback: its requests, the responses, and what is never shown."""

import asyncio
import dataclasses
import json
import logging
import traceback
import uuid
from contextlib import aclosing
from datetime import timedelta
from functools import partial

import httpx
import pytest

from bot.observability.metrics import Metrics
from bot.polyai import client as client_module
from bot.polyai import errors
from bot.polyai import http as http_module
from bot.polyai import response as response_module
from bot.polyai.http import HttpGet
from bot.polyai.identifiers import InvalidConversationId
from bot.polyai.payloads import CallFacts, Direction
from bot.polyai.response import PolyAIResponse
from bot.polyai.transport import build_http_client
from tests.polyai.conftest import NOW
from tests.polyai.scripted_server import HANG, WAV_TYPE, answer, envelope
from tests.tables import each_row

CALL = "CAabcd1234567abcdef1250065d4fc7389"
PLAIN_KEY = "plainKeyPlainKeyPlainKey00000001"
RAW_KEY = "rawKeyRawKeyRawKeyRawKey00000002"
AUDIO = answer(200, b"RIFF" + bytes(1000), headers=WAV_TYPE)
PATH = f"/v1/agents/PROJECT-58RP822I/conversations/{CALL}"


def facts_answer(*, headers=None, **fields):
    body = {"conversationId": CALL, "accountId": "a", "projectId": "p"} | fields
    return answer(200, json.dumps(body).encode(), headers=headers)


async def fetch(
    client, agent, conversation_id=CALL, *, raw=False, facts=None, direction="combined"
):
    async with client.open_audio(
        agent, conversation_id, direction=Direction(direction), raw=raw, facts=facts
    ) as stream:
        return stream, b"".join([chunk async for chunk in stream.chunks()])


def assert_tells_nothing(error, server):
    """Neither the error nor its printed chain contains a key, a URL, a number or a body."""
    shown = str(error) + repr(error) + error.what + error.likely_cause + error.fix
    for secret in (PLAIN_KEY, RAW_KEY, server.url, "http", "447700900123", "Leaky", CALL):
        assert secret not in shown
    printed = "".join(traceback.format_exception(error))
    chain, link = [], error
    while link is not None:
        chain.append(repr(link))
        link = link.__cause__ or link.__context__
    for secret in (PLAIN_KEY, RAW_KEY):
        assert secret not in printed + "".join(chain)


@each_row("direction", ["combined", "user", "agent"])
@each_row(("raw", "redacted", "key"), [(False, "true", PLAIN_KEY), (True, "false", RAW_KEY)])
async def test_each_variant_is_requested_with_its_own_key_and_parameter(
    server, client, agent, *, raw, redacted, key, direction
):
    server.answers = [AUDIO]
    stream, body = await fetch(client, agent, raw=raw, direction=direction)
    asked = server.asked[-1]
    assert (asked.method, asked.path) == ("GET", f"{PATH}/audio")
    assert asked.query == {"redacted": redacted, "direction": direction}
    assert asked.headers["x-api-key"] == key
    assert asked.headers["accept"] == "audio/wav"
    assert asked.headers["accept-encoding"] == "identity"
    assert "content-type" not in asked.headers
    assert str(uuid.UUID(asked.headers["x-polyai-correlation-id"])) == stream.correlation_id
    assert (stream.content_length, stream.tells_end, stream.is_compressed) == (1004, True, False)
    assert body == b"RIFF" + bytes(1000)


async def test_raw_without_a_raw_key_is_a_programming_error_and_makes_no_request(
    server, client, agent
):
    without = dataclasses.replace(agent, pii_api_key=None)
    for asked in (fetch(client, without, raw=True), client.transcript(without, CALL)):
        with pytest.raises(ValueError, match="without a raw key"):
            await asked
    assert server.asked == []


@each_row("unsafe", ["{conversationId}", "a/../b", "CA?redacted=false", "CA#x", "..", "x" * 129])
async def test_an_unsafe_id_is_refused_before_any_request(server, client, agent, unsafe):
    for asked in (fetch(client, agent, unsafe), client.conversation(agent, unsafe)):
        with pytest.raises(InvalidConversationId):
            await asked
    assert server.asked == []


async def test_a_path_in_the_base_url_is_kept_and_colons_in_ids_arrive(server, client, agent):
    server.answers = [AUDIO]
    behind_gateway = dataclasses.replace(agent, base_url=f"{server.url}/polyai/")
    await fetch(client, behind_gateway, "a:b.c_d-e")
    path = server.asked[0].path.replace("%3A", ":")
    assert path == "/polyai/v1/agents/PROJECT-58RP822I/conversations/a:b.c_d-e/audio"


@pytest.mark.parametrize(
    ("scripted", "error"),
    [
        (envelope(401, "AUTH_USER_INVALID_TOKEN"), errors.PolyAIKeyRejected),
        (envelope(403, "USER_ACCESS_FORBIDDEN"), errors.PolyAIForbidden),
        (envelope(404, "CONVERSATIONS_NOT_FOUND"), errors.ConversationNotFound),
        (envelope(500, "X"), errors.PolyAIServerError),
        (answer(302, headers={"Location": "https://elsewhere.example"}), errors.UnexpectedRedirect),
        (answer(204, length="absent"), errors.NotAudio),
    ],
)
async def test_a_permanent_error_is_requested_once_and_reported_without_secrets(
    server, client, agent, waits, caplog, *, scripted, error
):
    server.answers = [scripted]
    with caplog.at_level(logging.WARNING), pytest.raises(error) as caught:
        await fetch(client, agent, raw=True)
    assert len(server.asked) == 1
    assert waits == []
    assert caught.value.correlation_id
    assert_tells_nothing(caught.value, server)
    assert caplog.text == ""


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
async def test_a_temporary_error_is_retried(server, client, agent, waits, status):
    server.answers = [answer(status, b"<html>busy"), AUDIO]
    _, body = await fetch(client, agent)
    assert body.startswith(b"RIFF")
    assert len(server.asked) == 2
    assert 0.5 <= waits[0] <= 1.0


@pytest.mark.parametrize(
    "scripted",
    [
        b"",
        b"hello, not HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-",
        b"HTTP/1.1 200 OK\r\nContent-Length: some\r\n\r\n",
    ],
)
async def test_a_malformed_response_is_requested_four_times(server, client, agent, waits, scripted):
    server.answers = [scripted]
    with pytest.raises(errors.PolyAIUnavailable) as caught:
        await fetch(client, agent, raw=True)
    assert len(server.asked) in (4, 8)  # aiohttp itself repeats a GET once when a server hangs up
    assert len(waits) == 3
    assert caught.value.retryable
    assert_tells_nothing(caught.value, server)


async def test_a_refused_connection_is_unavailable(client, agent, waits):
    nowhere = dataclasses.replace(agent, base_url="http://127.0.0.1:9")
    with pytest.raises(errors.PolyAIUnavailable) as caught:
        await client.conversation(nowhere, CALL)
    assert len(waits) == 3
    assert uuid.UUID(caught.value.correlation_id)


async def test_a_host_that_does_not_answer_or_stops_is_unavailable(
    server, client, agent, monkeypatch
):
    monkeypatch.setattr(http_module, "TIMEOUT", httpx.Timeout(0.05))
    server.answers = [HANG, AUDIO, AUDIO[:-500] + HANG]
    _, body = await fetch(client, agent)
    assert body.startswith(b"RIFF")
    with pytest.raises(errors.PolyAIUnavailable):
        await fetch(client, agent)


async def test_the_facts_of_a_call_are_read_only_if_the_error_depends_on_them(
    server, client, agent
):
    async def never() -> CallFacts | None:
        raise AssertionError

    server.answers = [AUDIO, envelope(403, "USER_ACCESS_FORBIDDEN")]
    await fetch(client, agent, facts=never)
    with pytest.raises(errors.PolyAIForbidden):
        await fetch(client, agent, facts=never)


@pytest.mark.parametrize(("asked", "seconds"), [({}, 20.0), ({"Retry-After": "5"}, 5.0)])
async def test_a_call_in_progress_is_raised_at_once_for_a_later_retry(
    server, client, agent, waits, asked, seconds
):
    server.answers = [envelope(404, "CONVERSATIONS_RECORDING_NOT_FOUND", headers=asked)]
    ended = CallFacts(CALL, channel="VOICE-SIP", finished_at=NOW - timedelta(minutes=9))
    with pytest.raises(errors.RecordingNotReady) as caught:
        await fetch(client, agent, facts=partial(asyncio.sleep, 0, ended))
    assert (caught.value.retryable, caught.value.retry_after_seconds) == (True, seconds)
    assert (len(server.asked), waits) == (1, [])


@pytest.mark.parametrize("length", [5000, 1005])
async def test_a_body_that_ends_early_is_reported(server, client, agent, length):
    server.answers = [answer(200, b"RIFF" + bytes(1000), headers=WAV_TYPE, length=length)]
    with pytest.raises(errors.RecordingCutShort) as caught:
        await fetch(client, agent)
    assert caught.value.retryable
    assert caught.value.correlation_id
    assert len(server.asked) == 1
    assert_tells_nothing(caught.value, server)


async def test_a_short_body_is_noticed_even_if_the_transport_does_not_notice_it():
    response = httpx.Response(
        200, headers={"Content-Length": "9"}, stream=httpx.ByteStream(b"RIFF")
    )
    stream = PolyAIResponse(response, sent_correlation_id="own-1")
    with pytest.raises(errors.RecordingCutShort) as caught:
        assert [chunk async for chunk in stream.chunks()] == [b"RIFF"]
    assert caught.value.correlation_id == "own-1"


@each_row("failure", [httpx.ReadError("x"), RuntimeError("x"), OSError("x")])
async def test_a_failed_close_does_not_replace_the_cause(failure):
    class Stubborn(httpx.AsyncByteStream):
        async def aclose(self):
            raise failure

    response = httpx.Response(200, stream=Stubborn())
    with pytest.raises(errors.RecordingCutShort):
        async with aclosing(PolyAIResponse(response, sent_correlation_id="own-1")):
            raise errors.RecordingCutShort
    assert response.is_closed


async def test_a_chunked_body_has_no_length_and_is_cut_short_without_its_last_chunk(
    server, client, agent
):
    whole = answer(200, b"RIFF" * 300, headers=WAV_TYPE, length="chunked")
    server.answers = [whole, whole.removesuffix(b"0\r\n\r\n")]
    stream, body = await fetch(client, agent)
    assert (stream.content_length, len(body)) == (None, 1200)
    with pytest.raises(errors.RecordingCutShort):
        await fetch(client, agent)


async def test_a_body_without_any_length_is_read_to_its_end(server, client, agent):
    server.answers = [answer(200, b"RIFF", length="absent")]
    stream, body = await fetch(client, agent)
    assert (stream.content_length, stream.tells_end, body) == (None, False, b"RIFF")


@each_row(
    ("encoding", "is_compressed"),
    [
        ("identity", False), ("", False), ("utf-8", False), ("Binary", False),
        ("aws-chunked", False), ("gzip", True), ("X-GZIP", True), ("br", True),
        ("aws-chunked, zstd", True),
    ],
)  # fmt: skip
async def test_only_a_real_compression_is_refused_and_other_bytes_arrive_unchanged(
    server, client, agent, encoding, is_compressed
):
    headers = WAV_TYPE | {"Content-Encoding": encoding}
    server.answers = [answer(200, b"RIFF", headers=headers), facts_answer(headers=headers)]
    stream, body = await fetch(client, agent)
    assert (stream.is_compressed, body) == (is_compressed, b"RIFF")
    if is_compressed:
        with pytest.raises(errors.UnexpectedEncoding):
            await client.conversation(agent, CALL)
    else:
        assert (await client.conversation(agent, CALL)).conversation_id == CALL


async def test_a_large_body_is_returned_in_pieces_of_at_most_64_kib(server, client, agent):
    server.answers = [answer(200, bytes(3_000_000), headers=WAV_TYPE)]
    async with client.open_audio(agent, CALL, direction=Direction.COMBINED, raw=False) as stream:
        sizes = [len(chunk) async for chunk in stream.chunks()]
    assert sum(sizes) == 3_000_000
    assert min(sizes) >= 1
    assert max(sizes) <= 65_536


async def test_leaving_early_closes_the_response_and_the_next_call_works(server, client, agent):
    server.answers = [answer(200, bytes(3_000_000), headers=WAV_TYPE), AUDIO]
    async with client.open_audio(agent, CALL, direction=Direction.COMBINED, raw=False) as stream:
        async for _ in stream.chunks():
            break
    _, body = await fetch(client, agent)
    assert len(body) == 1004


async def test_the_servers_correlation_id_takes_precedence_if_it_is_safe_to_show(
    server, client, agent
):
    named = {"X-PolyAI-Correlation-Id": "abc-123"}
    odd = {"X-PolyAI-Correlation-Id": "<!channel> *click*"}
    server.answers = [
        answer(200, b"RIFF", headers=WAV_TYPE | named),
        answer(200, b"RIFF", headers=WAV_TYPE | odd),
        envelope(401, "AUTH_USER_NOT_FOUND", headers=odd),
        answer(401, b"", headers=odd),
        answer(200, b"<html>", headers=named),
    ]
    assert (await fetch(client, agent))[0].correlation_id == "abc-123"
    assert uuid.UUID((await fetch(client, agent))[0].correlation_id)
    with pytest.raises(errors.PolyAIKeyRejected) as caught:
        await fetch(client, agent)
    assert caught.value.correlation_id == "0e0e0e0e-aaaa-bbbb-cccc-121212121212"
    with pytest.raises(errors.PolyAIKeyRejected) as caught:
        await fetch(client, agent)
    assert caught.value.correlation_id == server.asked[-1].headers["x-polyai-correlation-id"]
    with pytest.raises(errors.UnexpectedAnswer) as unreadable:
        await client.conversation(agent, CALL)
    assert unreadable.value.correlation_id == "abc-123"


async def test_cookies_are_neither_kept_nor_sent(server, client, agent):
    server.answers = [answer(200, b"RIFF", headers=WAV_TYPE | {"Set-Cookie": "session=1"}), AUDIO]
    await fetch(client, agent)
    await fetch(client, agent)
    assert "cookie" not in server.asked[1].headers


async def test_facts_are_requested_with_the_plain_key(server, client, agent):
    server.answers = [
        facts_answer(channel="VOICE-SIP", fromNumber="+447700900123", totalDuration=61)
    ]
    facts = await client.conversation(agent, CALL)
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.query) == ("GET", PATH, {})
    assert asked.headers["x-api-key"] == PLAIN_KEY
    assert asked.headers["accept"] == "application/json"
    assert facts == CallFacts(
        CALL, channel="VOICE-SIP", length_seconds=61, masked_caller="+44••••••••23"
    )
    assert "447700900123" not in repr(facts)


async def test_facts_are_requested_again_after_a_truncated_body(server, client, agent, waits):
    server.answers = [answer(200, b'{"conv', length=500), facts_answer()]
    assert await client.conversation(agent, CALL) == CallFacts(CALL)
    assert len(waits) == 1


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"success": false}', b"[" * 100_000]
)
async def test_facts_other_than_the_documented_json_are_reported(server, client, agent, body):
    server.answers = [answer(200, body)]
    with pytest.raises(errors.UnexpectedAnswer) as caught:
        await client.conversation(agent, CALL)
    assert len(server.asked) == 1
    assert uuid.UUID(caught.value.correlation_id)
    assert_tells_nothing(caught.value, server)


@pytest.mark.parametrize(
    "scripted",
    [
        answer(401, b"x" * 100_000),
        answer(401, b"half", length=50),
        answer(401, length="absent"),
        answer(401, b"{", length=100) + HANG,
    ],
)
async def test_an_error_with_an_unreadable_body_is_classified_by_its_status(
    server, client, agent, scripted, monkeypatch
):
    monkeypatch.setattr(response_module, "READ_ALL_SECONDS", 0.05)
    server.answers = [scripted]
    with pytest.raises(errors.PolyAIKeyRejected):
        await client.conversation(agent, CALL)


async def test_errors_are_counted_by_agent_and_successes_are_not(server, agent):
    metrics = Metrics()
    server.answers = [envelope(401, "UNAUTHORIZED"), facts_answer()]
    async with build_http_client(1, metrics=metrics, agents={"sales": agent}) as http:
        client = client_module.PolyAIClient(HttpGet(http, clock=lambda: NOW, attempts=1))
        with pytest.raises(errors.PolyAIKeyRejected):
            await client.conversation(agent, CALL)
        await client.conversation(agent, CALL)
    errors_told = [
        (sample.labels, sample.value)
        for sample in next(iter(metrics.polyai_errors.collect())).samples
        if sample.name.endswith("_total")
    ]
    assert errors_told == [({"agent": "sales", "status": "401"}, 1)]
