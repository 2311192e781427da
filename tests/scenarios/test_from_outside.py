"""Hostile requests and hostile bodies cannot block the bot for other people."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from http import HTTPStatus

import httpx
import pytest

from bot.sandbox.faults import Fault
from bot.slack.identifiers import Action
from tests.loopback import http_client
from tests.scenarios.conftest import OpenScene
from tests.scenarios.scene import ALICE, CHANNEL, Scene, assert_raw
from tests.scenarios.thread import card, press_for_more

JSON = {"Content-Type": "application/json"}
TINY_VALUES = b'{"turns":[' + b"{}," * (16 * 2**20 // 3) + b"{}" + b"]}"
"""16 MiB; parsed whole they would take some 400 MB and hold up everything for seconds."""


@pytest.fixture
async def scene(new_scene: OpenScene) -> AsyncIterator[Scene]:
    async with new_scene() as scene:
        yield scene


async def get(scene: Scene, path: str, **headers: str) -> httpx.Response:
    async with http_client() as client:
        return await client.get(f"{scene.stage.origin}{path}", headers=headers)


async def test_metrics_and_details_are_hidden_from_requests_through_a_proxy(scene):
    stranger = {"X-Forwarded-For": "203.0.113.9"}
    metrics = await get(scene, "/metrics", **stranger)
    readiness = await get(scene, "/readyz", **stranger)
    assert (metrics.status_code, "callaudio" in metrics.text) == (403, False)
    assert (readiness.status_code, readiness.text) == (200, "ready\n")
    assert "database" in (await get(scene, "/readyz")).json()


async def test_a_body_above_slacks_size_is_refused_and_others_are_served(scene):
    async with http_client() as client:
        origin = f"{scene.stage.origin}/slack/events"
        with suppress(httpx.TransportError):  # the connection may be cut while the body is sent
            large = await client.post(origin, content=bytes(4 * 2**20))
            assert large.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert "Got it" in (await scene.people.command(ALICE, CHANNEL, scene.another_call())).text


async def test_huge_facts_of_a_call_do_not_fail_its_recording(scene):
    await scene.grant()
    call = scene.another_call()
    scene.polyai.faults.add(Fault("conversation", body=TINY_VALUES, headers=JSON, times=9))

    asking = asyncio.create_task(scene.ask(call))
    while not asking.done():
        assert (await get(scene, "/healthz")).status_code == 200
        await asyncio.sleep(0.1)

    assert_raw(await asking, call)


async def test_a_huge_transcript_is_refused(scene):
    await scene.grant()
    seen = await scene.ask()
    message = await card(scene, seen.delivery, "*Unredacted*")
    scene.polyai.faults.add(Fault("conversation", body=TINY_VALUES, headers=JSON, times=20))
    row = await press_for_more(scene, message, Action.TRANSCRIPT)
    assert (row.state, row.error_code) == ("failed", "answer_too_large")
