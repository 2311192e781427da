"""The shapes of Slack's payloads that are accepted: required fields and their types."""

from bot.slack.shapes import is_well_formed
from tests.slack.test_malformed import COMMANDS, EVENTS, PRESSES, SHORTCUTS, SUBMISSIONS, VIEW
from tests.tables import each_row

COMMAND, PRESS, SUBMISSION = COMMANDS[0], PRESSES[0], SUBMISSIONS[0]
SHORTCUT, EVENT = SHORTCUTS[0], EVENTS[0]


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
        {**EVENT, "authorizations": [{"team_id": None, "enterprise_id": "E1"}]},
        {"type": "url_verification", "challenge": "x"},
        {"ssl_check": "1"},
        {},
    ],
)
def test_each_payload_of_slack_is_accepted(body):
    assert is_well_formed(body)


@each_row(
    "body",
    [
        [],
        None,
        "text",
        {**COMMAND, "command": "callaudio"},
        {**COMMAND, "user_id": ""},
        {**COMMAND, "team_id": "T0\x00"},
        {**COMMAND, "team_id": "T" * 65},
        {k: v for k, v in COMMAND.items() if k != "trigger_id"},
        {**PRESS, "type": 7},
        {**PRESS, "type": ["block_actions"]},
        {**PRESS, "user": "U0ALICE00"},
        {**PRESS, "user": {"id": 5}},
        {**PRESS, "team": []},
        {**PRESS, "actions": []},
        {**PRESS, "actions": None},
        {**PRESS, "actions": [None]},
        {**PRESS, "actions": [{"type": "button"}]},
        {**PRESS, "actions": [{**PRESS["actions"][0], "value": {}}]},
        {**PRESS, "view": "V1"},
        {**PRESS, "trigger_id": None},
        {**SUBMISSION, "view": None},
        {**SUBMISSION, "view": {**VIEW, "type": None}},
        {**SUBMISSION, "view": {**VIEW, "state": []}},
        {**SUBMISSION, "view": {**VIEW, "blocks": [1]}},
        {**SHORTCUT, "message": None},
        {**SHORTCUT, "channel": "C1"},
        {**EVENT, "event": None},
        {**EVENT, "authorizations": {}},
        {**EVENT, "authorizations": ["T1"]},
    ],
)
def test_each_payload_that_slack_never_sends_is_refused(body):
    assert not is_well_formed(body)
