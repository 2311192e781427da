"""The shapes of Slack's payloads that are accepted: required fields and their types."""

import pytest

from bot.slack.shapes import is_well_formed
from tests.tables import each_row

COMMAND = {
    "command": "/callaudio",
    "team_id": "T0CALLAUDIO",
    "user_id": "U0ALICE00",
    "channel_id": "C0QUALITY0",
    "trigger_id": "1.2.a",
}
PRESS = {
    "type": "block_actions",
    "user": {"id": "U0ALICE00", "team_id": "T0CALLAUDIO"},
    "team": {"id": "T0CALLAUDIO", "domain": "sandbox"},
    "enterprise": None,
    "trigger_id": "1.2.b",
    "actions": [{"type": "button", "action_id": "delete", "value": "d1"}],
}
SUBMISSION = {
    "type": "view_submission",
    "user": {"id": "U0ALICE00"},
    "team": None,
    "view": {
        "id": "V1",
        "type": "modal",
        "callback_id": "request_access",
        "state": {"values": {"reason": {"reason": {"type": "plain_text_input", "value": None}}}},
    },
}
SHORTCUT = {
    "type": "message_action",
    "user": {"id": "U0ALICE00"},
    "callback_id": "get_call_audio",
    "trigger_id": "1.2.c",
    "channel": {"id": "C0QUALITY0", "name": "quality"},
    "message": {"type": "message", "ts": "1700000000.000100", "text": "CA1"},
}
EVENT = {
    "type": "event_callback",
    "team_id": "T0CALLAUDIO",
    "event": {"type": "user_change", "user": {"id": "U0ALICE00"}},
    "authorizations": [{"team_id": None, "enterprise_id": "E1"}],
}


@each_row(
    "body",
    [
        COMMAND,
        {**COMMAND, "text": "", "response_url": "https://hooks.slack.com/x", "enterprise_id": ""},
        PRESS,
        SUBMISSION,
        SHORTCUT,
        {"type": "shortcut", "user": {"id": "U1"}, "callback_id": "x", "trigger_id": "1"},
        {"type": "dialog_submission", "user": {"id": "U1"}, "submission": {}},
        EVENT,
        {"type": "url_verification", "challenge": "x"},
        {"ssl_check": "1"},
        {},
    ],
    ids=str,
)
def test_each_payload_of_slack_is_accepted(body):
    assert is_well_formed(body)


@each_row(
    "body",
    [
        pytest.param([], id="a list"),
        pytest.param(None, id="nothing"),
        pytest.param("text", id="a text"),
        pytest.param({**COMMAND, "command": "callaudio"}, id="a command without its slash"),
        pytest.param({**COMMAND, "user_id": ""}, id="a command without a person"),
        pytest.param({**COMMAND, "team_id": "T0\x00"}, id="an id with a control character"),
        pytest.param({**COMMAND, "team_id": "T" * 65}, id="an id longer than any"),
        pytest.param({k: v for k, v in COMMAND.items() if k != "trigger_id"}, id="no trigger"),
        pytest.param({**PRESS, "type": 7}, id="a kind that is a number"),
        pytest.param({**PRESS, "type": ["block_actions"]}, id="a kind that is a list"),
        pytest.param({**PRESS, "user": "U0ALICE00"}, id="a person as a text"),
        pytest.param({**PRESS, "user": {"id": 5}}, id="a person numbered"),
        pytest.param({**PRESS, "team": []}, id="a workspace as a list"),
        pytest.param({**PRESS, "actions": []}, id="a press of nothing"),
        pytest.param({**PRESS, "actions": None}, id="a press without its actions"),
        pytest.param({**PRESS, "actions": [None]}, id="an action that is none"),
        pytest.param({**PRESS, "actions": [{"type": "button"}]}, id="an action without its name"),
        pytest.param(
            {**PRESS, "actions": [{**PRESS["actions"][0], "value": {}}]}, id="an odd value"
        ),
        pytest.param({**PRESS, "view": "V1"}, id="a view as a text"),
        pytest.param({**PRESS, "trigger_id": None}, id="a press without its trigger"),
        pytest.param({**SUBMISSION, "view": None}, id="a form without its view"),
        pytest.param({**SUBMISSION, "view": {"id": "V1", "state": []}}, id="an odd state"),
        pytest.param({**SUBMISSION, "view": {"id": "V1", "blocks": [1]}}, id="an odd block"),
        pytest.param({**SHORTCUT, "message": None}, id="a shortcut on no message"),
        pytest.param({**SHORTCUT, "channel": "C1"}, id="a channel as a text"),
        pytest.param({**EVENT, "event": None}, id="an event without content"),
        pytest.param({**EVENT, "authorizations": {}}, id="authorizations as a mapping"),
        pytest.param({**EVENT, "authorizations": ["T1"]}, id="an authorization as a text"),
    ],
)
def test_each_payload_that_slack_never_sends_is_refused(body):
    assert not is_well_formed(body)
