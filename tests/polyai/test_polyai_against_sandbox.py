"""The client, the header parser and the sandbox's PolyAI together, over HTTP on loopback."""

import asyncio
from datetime import timedelta
from functools import partial

import pytest
from pydantic import SecretStr

from bot.polyai import errors
from bot.polyai.agents import Agent
from bot.polyai.payloads import Direction
from bot.recordings.audio import wav_errors, wav_header_parser
from bot.sandbox.faults import Fault
from bot.sandbox.polyai_calls import Recording, Shape
from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.recordings import RAW_SPAN, load
from tests.polyai.conftest import NOW

CALL = "CAabcd1234567abcdef1250065d4fc7389"


@pytest.fixture
async def polyai():
    async with PolyAISandbox() as polyai:
        polyai.add_key("plain")
        polyai.add_key("raw", pii=True)
        polyai.add_key("european", region="eu")
        polyai.add_key("narrow", agents={"OTHER"})
        polyai.add_call(CALL, recording=Recording.speech())
        yield polyai


@pytest.fixture
def agent(polyai):
    return agent_with(polyai)


def agent_with(polyai, *, key="plain", agent_id="PROJECT-SANDBOX"):
    keys = {"api_key": SecretStr(key), "pii_api_key": SecretStr("raw")}
    return Agent(name="default", agent_id=agent_id, region="us", base_url=polyai.url, **keys)


async def fetch(client, agent, *, raw=False, direction="combined", facts=None, call=CALL):
    async with client.open_audio(
        agent, call, direction=Direction(direction), raw=raw, facts=facts
    ) as stream:
        return stream.content_length, b"".join([chunk async for chunk in stream.chunks()])


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("direction", ["combined", "user", "agent"])
async def test_each_variant_arrives_complete_and_no_redacted_one_contains_raw_audio(
    polyai, client, agent, *, raw, direction
):
    length, body = await fetch(client, agent, raw=raw, direction=direction)
    assert body == load(direction, redacted=not raw)
    assert length == len(body)
    assert (RAW_SPAN in body) is (raw and direction != "agent")
    assert polyai.requests[-1].key_kind == ("raw" if raw else "plain")
    header = wav_header_parser.parse_wav_header(body[:100], complete=False)
    assert header.declared_bytes == len(body)
    assert header.length_seconds(len(body)) == pytest.approx(12, abs=1)


@pytest.mark.parametrize(
    ("shape", "error"),
    [
        (Shape.TRUNCATED, errors.RecordingCutShort),
        (Shape.CHUNKED_CUT, errors.RecordingCutShort),
        (Shape.REDIRECT, errors.UnexpectedRedirect),
    ],
)
async def test_a_wrong_answer_is_reported(polyai, client, agent, shape, error):
    polyai.add_call(CALL, recording=Recording.speech(), shape=shape)
    with pytest.raises(error):
        await fetch(client, agent)


@pytest.mark.parametrize(
    "shape", [Shape.CHUNKED, Shape.CHUNKED_SIZES_UNKNOWN, Shape.CHUNKED_SIZES_ZERO]
)
async def test_a_streamed_response_has_no_length(polyai, client, agent, shape):
    polyai.add_call(CALL, recording=Recording.speech(), shape=shape)
    length, body = await fetch(client, agent)
    header = wav_header_parser.parse_wav_header(body, complete=True)
    assert length is None
    assert header.declared_bytes == (len(body) if shape is Shape.CHUNKED else None)
    assert header.length_seconds(len(body)) == pytest.approx(12, abs=1)


@pytest.mark.parametrize(
    ("shape", "error"),
    [
        (Shape.EMPTY, wav_errors.EmptyBody),
        (Shape.EMPTY_DATA, wav_errors.EmptyBody),
        (Shape.HTML, wav_errors.HtmlInstead),
        (Shape.JSON, wav_errors.JsonInstead),
        (Shape.GZIP, wav_errors.NotWav),
    ],
)
async def test_a_body_that_is_not_a_recording_is_recognized_by_its_bytes(
    polyai, client, agent, shape, error
):
    polyai.add_call(CALL, recording=Recording.speech(), shape=shape)
    _, body = await fetch(client, agent)
    with pytest.raises(error):
        wav_header_parser.parse_wav_header(body, complete=True)


@pytest.mark.parametrize(
    ("changes", "call", "error"),
    [
        ({"key": "european"}, CALL, errors.PolyAIKeyRejected),
        ({"key": "unknown"}, CALL, errors.PolyAIKeyRejected),
        ({"key": ""}, CALL, errors.PolyAIKeyRejected),
        ({"key": "narrow"}, CALL, errors.PolyAIForbidden),
        ({"agent_id": "PROJECT-OTHER"}, CALL, errors.AgentNotFound),
        ({}, "CAffffffffffffffffffffffffffffffff", errors.ConversationNotFound),
    ],
)
async def test_a_wrong_setting_and_a_wrong_id_are_distinguished(
    polyai, client, changes, call, error
):
    with pytest.raises(error):
        await fetch(client, agent_with(polyai, **changes), call=call)
    with pytest.raises(error):
        await client.conversation(agent_with(polyai, **changes), call)


async def test_a_wrong_path_is_reported_as_a_wrong_host(polyai, client):
    elsewhere = Agent(
        name="default",
        agent_id="PROJECT-SANDBOX",
        region="us",
        base_url=f"{polyai.url}/nowhere",
        api_key=SecretStr("plain"),
        pii_api_key=None,
    )
    with pytest.raises(errors.WrongHost):
        await client.conversation(elsewhere, CALL)


async def test_the_facts_of_a_call_explain_a_missing_recording(polyai, client, agent):
    cases = {
        "AS_CHAT_1": ({"channel": "WEBCHAT"}, errors.RecordingMissing),
        "CA-now": ({"in_progress": True}, errors.RecordingNotReady),
        "CA-just": ({"finished_at": NOW - timedelta(minutes=1)}, errors.RecordingNotReady),
        "CA-old": ({"finished_at": NOW - timedelta(days=1)}, errors.RecordingMissing),
    }
    for call, (fields, error) in cases.items():
        polyai.add_call(call, recording=None, **fields)
        facts = await client.conversation(agent, call)
        with pytest.raises(error):
            await fetch(client, agent, facts=partial(asyncio.sleep, 0, facts), call=call)


async def test_facts_show_no_number(client, agent):
    facts = await client.conversation(agent, CALL)
    assert facts.masked_caller == "+44••••••••90"
    assert facts.channel == "VOICE-SIP"


async def test_a_temporary_fault_is_retried(polyai, client, agent, waits):
    polyai.faults.add(Fault("audio", status=503))
    _, body = await fetch(client, agent)
    assert body.startswith(b"RIFF")
    assert len(waits) == 1
