"""The client, the header parser and the sandbox's PolyAI together, over HTTP on loopback."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from bot.polyai import errors
from bot.polyai.payloads import Direction
from bot.recordings.audio.wav_header_parser import parse_wav_header
from bot.sandbox.polyai_calls import Recording
from bot.sandbox.recordings import load, raw_span
from tests.polyai.conftest import NOW, agent_of

CALL = "CAabcd1234567abcdef1250065d4fc7389"


@pytest.fixture
def polyai(polyai):
    polyai.add_key("european", region="eu")
    polyai.add_key("narrow", agents={"OTHER"})
    polyai.add_call(CALL, recording=Recording.speech())
    return polyai


@pytest.fixture
def agent(polyai):
    return agent_of(polyai, "v1")


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
    assert (raw_span() in body) is (raw and direction != "agent")
    assert polyai.requests[-1].key_kind == ("raw" if raw else "plain")
    header = parse_wav_header(body[:100], complete=False)
    assert header.declared_bytes == len(body)
    assert header.length_seconds(len(body)) == pytest.approx(12, abs=1)


@pytest.mark.parametrize(
    ("changes", "call", "error"),
    [
        ({"key": "european"}, CALL, errors.PolyAIKeyRejected),
        ({"key": "unknown"}, CALL, errors.PolyAIKeyRejected),
        ({"key": "narrow"}, CALL, errors.PolyAIForbidden),
        ({"agent": "PROJECT-OTHER"}, CALL, errors.AgentNotFound),
        ({}, "CAffffffffffffffffffffffffffffffff", errors.ConversationNotFound),
    ],
)
async def test_a_wrong_setting_and_a_wrong_id_are_distinguished(
    polyai, client, changes, call, error
):
    agent = agent_of(polyai, "v1", **changes)
    with pytest.raises(error):
        await fetch(client, agent, call=call)
    with pytest.raises(error):
        await client.conversation(agent, call)


async def test_a_wrong_path_is_reported_as_a_wrong_host(polyai, client, agent):
    elsewhere = replace(agent, base_url=f"{polyai.url}/nowhere")
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
