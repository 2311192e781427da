"""Calls over real HTTP on loopback: reads are retried, writes never, and nothing leaks."""

import socket
import traceback
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bot.recordings.deliveries.slack_errors import ConversationUnseen
from bot.sandbox.faults import Fault
from bot.slack.web_api.api import SlackApi, build_client, build_session, form_of
from bot.slack.web_api.errors import SlackError, SlackRateLimited, SlackUnclear, SlackUnreachable
from tests.slack.conftest import ALICE, CHANNEL, answering
from tests.tables import each_row

SECRET_TEXT = "Zq7vB2nL9xK4"


def say(api, text="hello"):
    return api.call_once("chat.postMessage", channel=CHANNEL, text=text)


async def test_the_token_is_in_a_header_and_the_arguments_in_the_body(workspace):
    seen = []

    async def answer(request):
        seen.append((request.query_string, request.headers["Authorization"], await request.text()))
        return web.json_response({"ok": True})

    async with one_route(answer) as url, build_session() as session:
        await SlackApi(build_client(workspace.bot_token, url, session)).call_once(
            "conversations.info", channel=CHANNEL
        )
    assert seen == [("", f"Bearer {workspace.bot_token}", f"channel={CHANNEL}")]


JSON_TYPE = {"Content-Type": "application/json"}
TRANSIENT = {
    "500": {"status": 500},
    "503 with a page": {"status": 503, "body": b"<html>busy</html>"},
    "200 with a page": {"status": 200, "body": b"<html>hello</html>"},
    "200 with another JSON": {"status": 200, "body": b'["ok"]', "headers": JSON_TYPE},
    "internal_error": {"error": "internal_error"},
    "fatal_error": {"error": "fatal_error"},
    "lost connection": {"drop_connection": True},
    "lost answer": {"drop_connection": True, "when": "after"},
}


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
async def test_a_read_is_retried_until_it_succeeds(api, slack, waits, workspace, fault):
    slack.faults.add(Fault("users.info", times=2, **fault))
    answer = await api.call_with_retries("users.info", user=ALICE)
    assert answer["user"]["id"] == ALICE
    assert len(workspace.called("users.info")) == 3
    assert len(waits) == 2
    assert 0.5 <= waits[0] < waits[1] <= 2


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
async def test_a_failed_write_is_not_repeated_and_reported_as_unclear(
    api, slack, waits, workspace, fault
):
    slack.faults.add(Fault("chat.postMessage", **fault))
    with pytest.raises(SlackUnclear):
        await say(api)
    assert len(workspace.called("chat.postMessage")) == 1
    assert waits == []


async def test_a_refusal_is_not_retried(api, workspace, waits):
    with pytest.raises(ConversationUnseen):
        await api.call_with_retries("conversations.info", channel="C0NOWHERE0")
    assert len(workspace.called("conversations.info")) == 1
    assert waits == []


async def test_429_is_waited_for_as_long_as_slack_says(api, slack, waits):
    slack.faults.add(Fault("users.info", status=429, headers={"Retry-After": "7"}))
    await api.call_with_retries("users.info", user=ALICE)
    assert waits == [7.0]


async def test_429_of_a_write_or_with_too_long_a_wait_is_raised_at_once(
    api, slack, waits, workspace
):
    slack.faults.add(Fault("users.info", status=429, headers={"Retry-After": "120"}))
    slack.faults.add(Fault("chat.postMessage", status=429, headers={"Retry-After": "3"}))
    reading = api.call_with_retries("users.info", user=ALICE)
    for call, seconds in ((reading, 120), (say(api), 3)):
        with pytest.raises(SlackRateLimited) as limited:
            await call
        assert limited.value.retry_after_seconds == seconds
    assert (waits, workspace.messages(CHANNEL)) == ([], [])


async def test_a_refused_connection_means_that_nothing_was_done(workspace):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = f"http://127.0.0.1:{listener.getsockname()[1]}/api/"
    async with build_session() as session:
        with pytest.raises(SlackUnreachable):
            await say(SlackApi(build_client(workspace.bot_token, closed, session)))


async def test_a_missing_answer_is_unclear(slack, workspace):
    slack.faults.add(Fault("chat.postMessage", hang=True))
    async with build_session(timeout_seconds=0.1) as session:
        with pytest.raises(SlackUnclear):
            await say(SlackApi(build_client(workspace.bot_token, slack.url, session)))


async def test_a_call_may_take_half_a_minute():
    # The SDK's own time-out applies only to sessions that it opens itself, unlike this one.
    async with build_session() as session:
        assert session.timeout.total == 30


async def test_an_error_contains_nothing_of_the_request_or_the_answer(api, slack, workspace):
    slack.faults.add(answering("chat.postMessage", ok=False, error=f"{SECRET_TEXT}!"))
    with pytest.raises(SlackError) as refused:
        await say(api, SECRET_TEXT)
    error = refused.value
    # Neither cause nor context: they would contain the whole answer.
    printed = "".join(traceback.format_exception(error))
    shown = printed + repr(error) + error.what + error.likely_cause + error.fix
    for secret in (SECRET_TEXT, workspace.bot_token):
        assert secret not in shown


@asynccontextmanager
async def one_route(answer):
    app = web.Application()
    app.router.add_post("/api/{method}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
    await runner.cleanup()


@each_row(
    ("arguments", "form"),
    [
        ({"channel": "C1"}, {"channel": "C1"}),
        ({"limit": 7, "wide": True}, {"limit": "7", "wide": "true"}),
        ({"files": [{"id": "F1"}]}, {"files": '[{"id": "F1"}]'}),
        ({"cursor": None, "text": ""}, {"text": ""}),
        ({}, {}),
    ],
)
def test_arguments_are_encoded_as_a_form(arguments, form):
    assert form_of(arguments) == form


async def test_retries_and_proxies_of_the_sdk_are_off(workspace):
    async with build_session() as session:
        client = build_client(workspace.bot_token, None, session)
        assert client.retry_handlers == []
        assert client.base_url == "https://slack.com/api/"
        assert client.trust_env_in_session is False
        assert workspace.bot_token not in repr(client)


@pytest.mark.parametrize("scopes", [{"chat:write", "commands"}, {"commands"}])
async def test_the_scopes_of_the_token_are_read_from_any_answer(api, workspace, scopes):
    workspace.scopes = scopes
    assert (await api.introduce()).scopes == scopes
