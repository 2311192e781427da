"""Signed payloads of any shape through the whole bot: none is answered with a 500."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.cli.stage import environment_of
from bot.sandbox.delivery import signature_headers
from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.slack_server import SlackSandbox
from bot.sandbox.workspace import Workspace
from bot.settings.environment import load_settings
from bot.slack import identifiers
from bot.slack.identifiers import Action, ModalCallback
from bot.wiring.application import Roles, open_application
from tests.examples import examples
from tests.tables import each_row

TEAM, ALICE, CHANNEL = "T0CALLAUDIO", "U0ALICE00", "C0QUALITY0"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
CALL = "CA" + "0123456789abcdef" * 2

INTERACTION = {
    "user": {"id": ALICE, "team_id": TEAM},
    "team": {"id": TEAM},
    "enterprise": None,
    "trigger_id": "1.2.a",
}
PLACE = {"channel": {"id": CHANNEL, "name": "quality"}}
VALUES = {
    name.value: {name.value: {"type": "plain_text_input", "value": "4", "selected_option": None}}
    for name in identifiers.Input
}
VIEW = {
    "id": "V0SANDBOX0",
    "type": "modal",
    "private_metadata": "{}",
    "blocks": [{"type": "input", "block_id": "reason"}],
    "state": {"values": VALUES},
}
PRESSES = [
    {
        **INTERACTION,
        **PLACE,
        "type": "block_actions",
        "container": {"type": "message", "message_ts": "1700000000.000100"},
        "message": {"type": "message", "ts": "1700000000.000100"},
        "view": {**VIEW, "callback_id": "find_call"},
        "actions": [
            {
                "type": "button",
                "action_id": action.value,
                "block_id": "b",
                "value": "d0123456789",
                "action_ts": "1700000000.000200",
                "selected_option": {"value": "agent d0123456789"},
            }
        ],
    }
    for action in Action
]
SUBMISSIONS = [
    {**INTERACTION, "type": kind, "view": {**VIEW, "callback_id": callback.value}}
    for callback in ModalCallback
    for kind in ("view_submission", "view_closed")
]
SHORTCUTS = [
    {
        **INTERACTION,
        **PLACE,
        "type": "message_action",
        "callback_id": "get_call_audio",
        "message_ts": "1700000000.000100",
        "message": {"type": "message", "ts": "1700000000.000100", "text": CALL, "blocks": []},
    },
    {**INTERACTION, "type": "shortcut", "callback_id": identifiers.FIND_CALL_SHORTCUT},
    *({**INTERACTION, "type": kind} for kind in ("interactive_message", "block_suggestion", "?")),
]
EVENTS = [
    {
        "type": "event_callback",
        "team_id": TEAM,
        "event_id": "Ev1",
        "authorizations": [{"team_id": TEAM, "enterprise_id": None, "user_id": "U0BOT"}],
        "is_ext_shared_channel": True,
        "event": {
            "type": kind,
            "user": ALICE,
            "tab": "home",
            "channel": CHANNEL,
            "subteam_id": "S0GROUP00",
            "old_channel_id": CHANNEL,
            "new_channel_id": "C0OTHER00",
        },
    }
    for kind in identifiers.Event
]
COMMANDS = [
    {
        "command": command,
        "text": text,
        "team_id": TEAM,
        "user_id": ALICE,
        "channel_id": CHANNEL,
        "trigger_id": "1.2.c",
    }
    for command, text in [("/callaudio", CALL), ("/callaudio-admin", "list")]
]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List every place in a payload, as the keys that lead to it."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    found = [(*above, key) for key in keys]
    nested = [at for at in found if isinstance(value[at[-1]], dict | list) and value[at[-1]]]
    return found + [place for at in nested for place in places(value[at[-1]], at)]


@st.composite
def mutilated(draw, payloads) -> Any:
    """Replace some values of a payload by anything, or remove them."""
    body = deepcopy(draw(st.sampled_from(payloads)))
    for _ in range(draw(st.integers(1, 4))):
        found = places(body)
        if not found:
            break
        *above, last = draw(st.sampled_from(found))
        holder = body
        for key in above:
            holder = holder[key]
        if draw(st.booleans()):
            del holder[last]
        else:
            holder[last] = draw(anything)
    return body


@dataclass
class Bot:
    """The whole bot in memory; an exception that leaves it fails the test."""

    runner: asyncio.Runner
    client: httpx.AsyncClient
    secret: str

    def post(self, body: str | bytes, kind: str) -> httpx.Response:
        headers = {"Content-Type": kind, **signature_headers(self.secret, body)}
        return self.runner.run(self.client.post("/slack/events", content=body, headers=headers))

    def interact(self, payload: object) -> httpx.Response:
        return self.post(urlencode({"payload": json.dumps(payload)}), FORM)


@pytest.fixture
def bot(sqlite_url: str) -> Iterator[Bot]:
    stack, workspace = AsyncExitStack(), Workspace()
    workspace.add_user(ALICE)
    workspace.add_channel(CHANNEL, members=[ALICE], is_private=True)

    async def opened() -> httpx.AsyncClient:
        slack = await stack.enter_async_context(SlackSandbox(workspace))
        polyai = await stack.enter_async_context(PolyAISandbox())
        environ = environment_of(workspace, slack, polyai) | {"DATABASE_URL": sqlite_url}
        application = await stack.enter_async_context(
            open_application(load_settings(environ), roles=Roles(listens=True, works=False))
        )
        transport = httpx.ASGITransport(application.web)
        return await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://bot")
        )

    with asyncio.Runner() as runner:
        client = runner.run(opened())
        yield Bot(runner, client, workspace.signing_secret)
        runner.run(stack.aclose())


def test_the_payloads_belong_to_the_sandboxs_workspace():
    assert Workspace().team_id == TEAM


many = settings(
    max_examples=examples(24),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ANSWERS = {200, 400, 404}


@many
@given(mutilated([*PRESSES, *SUBMISSIONS, *SHORTCUTS]))
@example(None)
@example([])
@example({})
@example({"type": "view_submission", "view": {"blocks": 7}, "user": {"id": ALICE}})
@example({**PRESSES[0], "actions": []})
@example({"user": {"id": ALICE}, "view": 7})
@example({**PRESSES[0], "user": 7})
@example({**SHORTCUTS[0], "message": {"ts": "1", "text": {"a": 1}, "blocks": [[1]], "files": 7}})
def test_a_mutilated_interaction_is_answered(bot, payload):
    assert bot.interact(payload).status_code in ANSWERS


@many
@given(mutilated(EVENTS))
@example({**EVENTS[0], "event": {"type": "app_home_opened", "tab": "home", "user": {"id": ALICE}}})
@example({**EVENTS[0], "event": {"type": "member_joined_channel", "channel": None}})
def test_a_mutilated_event_is_answered(bot, payload):
    assert bot.post(json.dumps(payload), JSON).status_code in ANSWERS


@many
@given(mutilated(COMMANDS))
def test_a_mutilated_command_is_answered(bot, payload):
    assert bot.post(urlencode({k: str(v) for k, v in payload.items()}), FORM).status_code in ANSWERS


@many
@given(
    st.sampled_from([*PRESSES[:2], *SHORTCUTS[:1]]),
    st.integers(0, 400),
    st.sampled_from([FORM, JSON, "text/plain", "multipart/form-data", ""]),
    st.sampled_from(["", "payload=", "payload=%7B", "command=", "ssl_check=1&"]),
)
@example(PRESSES[0], 30, FORM, "payload=")
@example(PRESSES[0], 0, JSON, "")
def test_a_truncated_body_is_answered(bot, payload, length, kind, before):
    assert bot.post(before + json.dumps(payload)[:length], kind).status_code in ANSWERS


@each_row(
    "body",
    [
        b"payload=\xff\xfe",
        b"payload=%7B%22type%22%3A",
        b"payload=null",
        b"payload=" + b"%5B" * 100_000,
        b"payload=" + b"9" * 10_000,
        b'{"type": "event_callback"}',
        b"payload=%7B%7D&payload=1",
    ],
)
def test_an_unreadable_body_is_400(bot, body):
    assert bot.post(body, FORM).status_code == 400
