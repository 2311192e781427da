"""The summary of a delivery in the evidence, built from its audit events."""

from datetime import timedelta
from typing import Any

import pytest

from bot.audit.events import AuditTag
from bot.recordings.evidence.summaries import summary_of
from bot.store.tables import AuditEventRow
from tests.conftest import NOON

ALICE = "U0ALICE00"
REQUESTED = {
    "delivery": "d1",
    "team": "T0QUALITY0",
    "conversation": "CA1",
    "kind": "audio",
    "asked_by": ALICE,
    "asked_at": "2026-06-03T12:00:00.000000+00:00",
    "asked_redacted": False,
    "destination": "D1",
    "replaces": None,
    "outcome": None,
    "reason": None,
    "destination_is_private": None,
    "state": None,
    "error": None,
    "audible_since": None,
    "audible_until": None,
    "taken_back_because": None,
}
RAW = {"outcome": "raw", "reason": "cleared"}
SHOWN = {"state": "delivered", "error": None, "destination": "C1"}
AT_TWO, AT_THREE = "2026-06-03T14:00:00.000000+00:00", "2026-06-03T15:00:00.000000+00:00"

DECIDED = (AuditTag.DELIVERY_DECIDED, RAW)
DELIVERED = (AuditTag.DELIVERY_DELIVERED, {"channel_id": "C1", "file_id": "F1"})
Told = tuple[AuditTag, dict[str, Any]]


@pytest.mark.parametrize(
    ("course", "expected"),
    [
        pytest.param(
            [DECIDED, DELIVERED], RAW | SHOWN | {"audible_since": AT_TWO}, id="it was delivered"
        ),
        pytest.param(
            [
                DECIDED,
                DELIVERED,
                (AuditTag.FILE_TAKEN_BACK, {"file_id": "F1", "cause": "audience"}),
            ],
            RAW
            | SHOWN
            | {
                "audible_since": AT_TWO,
                "audible_until": AT_THREE,
                "taken_back_because": "audience",
            },
            id="it was delivered and taken back",
        ),
        pytest.param(
            [
                DECIDED,
                DELIVERED,
                (AuditTag.FILE_TAKEN_BACK, {"file_id": "F0", "cause": "unfinished"}),
            ],
            RAW | SHOWN | {"audible_since": AT_TWO},
            id="an upload that was dropped before was deleted: what was delivered is still there",
        ),
        pytest.param(
            [DECIDED, (AuditTag.DELIVERY_TIGHTENED, {"to": "redacted", "reason": "audience"})],
            {"outcome": "redacted", "reason": "audience"},
            id="the second decision counts",
        ),
        pytest.param(
            [(AuditTag.DELIVERY_FAILED, {"code": "recording_gone", "file_id": None})],
            {"state": "failed", "error": "recording_gone"},
            id="it failed, and nothing was visible",
        ),
    ],
)
def test_each_sequence_of_events_has_its_summary(course, expected):
    asked = {"conversation_id": "CA1", "kind": "audio", "asked_redacted": False, "channel_id": "D1"}
    told = [(AuditTag.DELIVERY_REQUESTED, asked), *course]
    assert summary_of(event(number, *each) for number, each in enumerate(told)) == {
        **REQUESTED,
        **expected,
    }


def event(hour: int, tag: AuditTag, payload: dict[str, Any]) -> AuditEventRow:
    return AuditEventRow(
        team_id="T0QUALITY0",
        occurred_at=NOON + timedelta(hours=hour),
        tag=tag.value,
        actor_id=ALICE,
        delivery_id="d1",
        payload=payload,
    )
