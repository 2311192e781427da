"""Calls over real HTTP on loopback: reads are retried, writes never, and nothing leaks."""

import json
import socket
import traceback
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bot.errors import CallAudioError
from bot.recordings.deliveries.slack_errors import ConversationUnseen
from bot.sandbox.faults import Fault
from bot.slack.web_api.api import SlackApi, build_client, build_session, form_of
from bot.slack.web_api.errors import SlackError, SlackRateLimited, SlackUnclear, SlackUnreachable
from tests.slack.conftest import ALICE, CHANNEL
from tests.tables import each_row

SECRET_TEXT = "Zq7vB2nL9xK4"


def say(api, text="hello"):
    return api.call_once("chat.postMessage", channel=CHANNEL, text=text)


async def test_a_call_returns_slacks_answer(api, workspace):
    answer = await say(api)
    (message,) = workspace.messages(CHANNEL)
    assert (answer["ok"], answer["ts"], message.text) == (True, message.ts, "hello")


async def test_arguments_are_in_the_body_only_and_the_token_in_its_header(api, workspace):
    await api.call_once(
        "chat.postMessage",
        channel=CHANNEL,
        text=SECRET_TEXT,
        blocks=[{"type": "divider"}],
        unfurl_links=False,
        thread_ts=None,
    )
    (call,) = workspace.calls
    assert call.arguments["text"] == SECRET_TEXT
    assert json.loads(call.arguments["blocks"]) == [{"type": "divider"}]
    assert call.arguments["unfurl_links"] == "false"
    assert "thread_ts" not in call.arguments
    # The stand-in detects a token or arguments of files.* in a query string.
    await api.call_with_retries("files.getUploadURLExternal", filename="a.wav", length=7)
    assert workspace.violations == []


async def test_nothing_is_put_into_the_url(workspace):
    seen = []

    async def answer(request):
        seen.append((request.query_string, request.headers["Authorization"], await request.text()))
        return web.json_response({"ok": True})

    async with one_route(answer) as url, build_session() as session:
        await SlackApi(build_client(workspace.bot_token, url, session)).call_once(
            "conversations.info", channel=CHANNEL
        )
    assert seen == [("", f"Bearer {workspace.bot_token}", f"channel={CHANNEL}")]


TRANSIENT = [
    pytest.param({"status": 500}, id="500"),
    pytest.param({"status": 503, "body": b"<html>busy</html>"}, id="503 with a page"),
    pytest.param({"status": 200, "body": b"<html>hello</html>"}, id="200 with a page"),
    pytest.param(
        {"status": 200, "body": b'["ok"]', "headers": {"Content-Type": "application/json"}},
        id="200 with another JSON",
    ),
    pytest.param({"error": "internal_error"}, id="internal_error"),
    pytest.param({"error": "fatal_error"}, id="fatal_error"),
    pytest.param({"drop_connection": True}, id="lost connection"),
    pytest.param({"drop_connection": True, "when": "after"}, id="lost answer"),
]


@pytest.mark.parametrize("fault", TRANSIENT)
async def test_a_read_is_retried_until_it_succeeds(api, slack, waits, workspace, fault):
    slack.faults.add(Fault("users.info", times=2, **fault))
    answer = await api.call_with_retries("users.info", user=ALICE)
    assert answer["user"]["id"] == ALICE
    assert len(workspace.called("users.info")) == 3
    assert len(waits) == 2
    assert 0.5 <= waits[0] < waits[1] <= 2


@pytest.mark.parametrize("fault", TRANSIENT)
async def test_a_failed_write_is_not_repeated_and_reported_as_unclear(
    api, slack, waits, workspace, fault
):
    slack.faults.add(Fault("chat.postMessage", **fault))
    with pytest.raises(SlackUnclear):
        await say(api)
    assert len(workspace.called("chat.postMessage")) == 1
    assert waits == []


async def test_a_read_gives_up_after_four_tries(api, slack, workspace):
    slack.faults.add(Fault("users.info", status=500, times=9))
    with pytest.raises(SlackUnclear):
        await api.call_with_retries("users.info", user=ALICE)
    assert len(workspace.called("users.info")) == 4


async def test_a_refusal_is_not_retried(api, workspace, waits):
    with pytest.raises(ConversationUnseen):
        await api.call_with_retries("conversations.info", channel="C0NOWHERE0")
    assert len(workspace.called("conversations.info")) == 1
    assert waits == []


async def test_429_is_waited_for_as_long_as_slack_says(api, slack, waits):
    slack.faults.add(Fault("users.info", status=429, headers={"Retry-After": "7"}))
    await api.call_with_retries("users.info", user=ALICE)
    assert waits == [7.0]


async def test_429_with_too_long_a_wait_is_raised_at_once(api, slack, waits):
    slack.faults.add(Fault("users.info", status=429, headers={"Retry-After": "120"}))
    with pytest.raises(SlackRateLimited) as limited:
        await api.call_with_retries("users.info", user=ALICE)
    assert limited.value.retry_after_seconds == 120
    assert waits == []


async def test_429_on_a_write_is_raised_to_the_caller(api, slack, waits, workspace):
    slack.faults.add(Fault("chat.postMessage", status=429, headers={"Retry-After": "3"}))
    with pytest.raises(SlackRateLimited) as limited:
        await say(api)
    assert limited.value.retry_after_seconds == 3
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
    slack.faults.add(
        Fault("chat.postMessage", status=200, body=b'{"ok": false, "error": "Zq7vB2nL9xK4!"}')
    )
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


def test_every_error_of_slack_can_be_shown_to_people():
    for kind in (SlackUnclear, SlackUnreachable, SlackRateLimited):
        assert issubclass(kind, CallAudioError)
        assert kind.retryable
