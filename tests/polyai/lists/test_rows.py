"""Rows of both lists, with any content, become the same value or None."""

import json
import re
from dataclasses import asdict
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.polyai.normalization import is_live_v1, is_live_v3, summary_from_v1, summary_from_v3
from bot.sandbox.polyai_calls import PolyCall
from bot.sandbox.polyai_rows import PERSONAL_WORDS, list_row, platform_row
from tests.examples import JSON
from tests.tables import each_row

CALL = PolyCall("CA1f", "PROJECT-1", None, handoff=True)


def fields_of(row):
    return st.fixed_dictionaries({}, optional=dict.fromkeys(row, JSON) | {"id": JSON})


def test_a_call_is_equal_from_both_lists():
    first = summary_from_v1(list_row(CALL))
    second = summary_from_v3(platform_row(CALL, "ws-1"))
    assert first.conversation_id == second.conversation_id == "CA1f"
    assert first.started_at == second.started_at == CALL.started_at
    assert first.length_seconds == second.length_seconds == 12
    assert first.masked_caller == second.masked_caller == "+44••••••••90"
    assert first.handoff is second.handoff is True
    assert first.handoff_reason == second.handoff_reason == "asked for a person"
    assert (first.direction, second.direction) == ("inbound", None)
    assert (first.turns, second.turns, second.silences) == (None, 4, 1)


@pytest.mark.parametrize(
    "call", [summary_from_v1(list_row(CALL)), summary_from_v3(platform_row(CALL, "ws-1"))]
)
def test_no_personal_data_is_kept(call):
    kept = json.dumps(asdict(call), default=str, ensure_ascii=False)
    assert not [word for word in PERSONAL_WORDS if word in kept]
    assert "1234567890" not in kept


def test_the_number_of_an_outbound_call_is_the_called_number():
    row = list_row(CALL) | {"direction": "outbound", "toNumber": "+33123456711"}
    assert summary_from_v1(row).masked_caller == "+33•••••••11"
    row = platform_row(CALL, "ws-1") | {"id": "OUT-1", "to_number": "+33123456711"}
    assert summary_from_v3(row).masked_caller == "+33•••••••11"


@each_row(
    ("said", "shown"),
    [
        ("billing", "billing"),
        ("  asked\n for   a person ", "asked for a person"),
        ("call back +44 7700 900123 now", "call back ••• now"),
        ("order 12-34-56", "order •••"),
        ("write to ada@example.org", "write to •••"),
        ("level 2 support", "level 2 support"),
        ("x" * 200, "x" * 59 + "…"),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_a_reason_is_shown_without_numbers_and_addresses(said, shown):
    assert summary_from_v3(platform_row(CALL, "ws") | {"handoff_reason": said}).handoff_reason == (
        shown
    )


@each_row(
    "spoilt",
    [
        {"started_at": None},
        {"started_at": "soon"},
        {"started_at": 5},
        {"id": None},
        {"id": "a/b"},
        {"id": "+447700900123"},
        {"id": ["CA1"]},
    ],
)
def test_a_row_without_id_or_start_is_none(spoilt):
    assert summary_from_v3(platform_row(CALL, "ws") | spoilt) is None
    names = {"started_at": "startedAt", "id": "conversationId"}
    spoilt = {names[name]: value for name, value in spoilt.items()}
    assert summary_from_v1(list_row(CALL) | spoilt) is None


@each_row(
    ("environment", "v1", "v3"),
    [
        ("live", True, True),
        ("sandbox", False, False),
        ("pre-release", False, False),
        (None, False, True),
        (["live"], False, True),
    ],
)
def test_only_live_conversations_count(environment, v1, v3):
    # The v3 list is asked only for live calls; the v1 list has no such filter.
    assert is_live_v1({"clientEnv": environment}) is v1
    assert is_live_v3({"environment": environment}) is v3


@given(row=JSON | fields_of(list_row(CALL)) | fields_of(platform_row(CALL, "ws")))
def test_any_json_is_a_call_or_nothing(row):
    for call in (summary_from_v1(row), summary_from_v3(row)):
        if call is not None:
            assert call.started_at.tzinfo is UTC
            assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.:-]{2,127}", call.conversation_id)
            assert not re.search(r"\d{3}", call.handoff_reason or "")
    is_live_v1(row)
    is_live_v3(row)


@given(reason=st.text(alphabet="+0123456789 -()a@.", max_size=300))
def test_no_run_of_digits_survives_in_a_reason(reason):
    row = {"id": "CA1", "started_at": datetime(2026, 1, 1, tzinfo=UTC).isoformat()}
    shown = summary_from_v3(row | {"handoff_reason": reason}).handoff_reason or ""
    assert not re.search(r"\d\D{0,1}\d\D{0,1}\d", re.sub(r"[a@•]+", "ab", shown))
    assert "@" not in shown
    assert len(shown) <= 60
