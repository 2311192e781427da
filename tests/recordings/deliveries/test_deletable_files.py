"""Files that may be deleted are recorded when Slack no longer lets the bot delete them."""

import pytest

from bot.audit.log import AuditFilter, all_events
from bot.recordings.deliveries.deletable_files import record_out_of_reach
from tests.conftest import NOON
from tests.recordings.deliveries.rows import delivery_row

pytestmark = pytest.mark.postgresql_at_length

TEAM = "T0QUALITY0"
DELETABLE = {
    "raw": {},
    "raw, and perhaps visible": {"state": "unconfirmed"},
    "failed, and its file could not be deleted": {"state": "failed", "recheck_at": NOON},
    "redacted, and a person asked": {"outcome": "redacted", "delete_asked_by": "U0BOB"},
    "redacted, and it differs": {"outcome": "redacted", "taken_back_cause": "redaction_differs"},
}
OTHERS = {
    "redacted": {"outcome": "redacted"},
    "deleted": {"taken_back_at": NOON},
    "failed": {"state": "failed"},
    "under way": {"state": "uploaded", "recheck_at": NOON, "ended_at": None},
    "in another workspace": {"team_id": "T0OTHER00"},
}


async def test_each_file_that_the_bot_would_have_to_delete_is_recorded(database):
    async with database.write() as session:
        for name, columns in {**DELETABLE, **OTHERS}.items():
            session.add(delivery_row(name, "C1", **{"team_id": TEAM, "user_id": "U0", **columns}))
    async with database.write() as session:
        assert await record_out_of_reach(session, TEAM, NOON) == len(DELETABLE)
    async with database.read() as session:
        events = {e.delivery_id: e async for e in all_events(session, AuditFilter())}

    assert set(events) == set(DELETABLE)
    for name, event in events.items():
        assert (event.tag, event.team_id) == ("retention:file:out_of_reach", TEAM)
        assert (event.actor_id, event.occurred_at) == ("system", NOON)
        assert event.payload == {"file_id": f"F{name}", "channel_id": "C1"}
