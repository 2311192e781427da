"""When a request for access needs something again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.access_requests.due import REMIND_AFTER, next_while_pending
from bot.access_requests.request import LIFETIME, AccessRequest, AccessState
from tests.conftest import NOON

REQUEST = AccessRequest(
    id="a1",
    team_id="T0",
    enterprise_id=None,
    user_id="U0",
    delivery_id="d0",
    conversation_id="CA0",
    reason="call quality",
    hours=4,
    state=AccessState.PENDING,
    requested_at=NOON,
    announced_at=NOON,
    reminded_at=None,
    decided_by=None,
    decided_at=None,
    grant_id=None,
    shown_at=None,
    notified_at=None,
    warned_at=None,
    messages=(),
)


@pytest.mark.parametrize(
    ("reminded_at", "again_at"),
    [
        pytest.param(None, NOON + REMIND_AFTER, id="admins are reminded"),
        pytest.param(
            NOON + timedelta(hours=4), NOON + LIFETIME, id="after the reminder it is due to expire"
        ),
    ],
)
def test_a_pending_request_is_due_for_its_reminder_and_its_expiry(reminded_at, again_at):
    assert next_while_pending(replace(REQUEST, reminded_at=reminded_at)) == again_at
