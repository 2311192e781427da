"""Every row of the table: the error, and whether it is retried."""

import json
from datetime import timedelta

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.polyai import errors
from bot.polyai.error_mapping import error_from
from bot.polyai.payloads import CallFacts
from tests.examples import examples
from tests.polyai.conftest import NOW
from tests.tables import each_row

NO_RECORDING = "CONVERSATIONS_RECORDING_NOT_FOUND"


def enveloped(code):
    return json.dumps({"success": False, "error_code": code, "error_id": "e-1", "data": None})


def translated(status, code=None, *, body=None, headers=None, facts=None):
    text = body if body is not None else (enveloped(code) if code else "")
    return error_from(status, text.encode(), httpx.Headers(headers or {}), now=NOW, facts=facts)


@each_row(
    ("status", "code", "name", "retryable"),
    [
        (400, "CONVERSATIONS_VALIDATION_FAILED", "polyai_request_invalid", False),
        (400, None, "polyai_request_invalid", False),
        (405, None, "polyai_request_invalid", False),
        (401, "AUTH_USER_NOT_FOUND", "polyai_key_rejected", False),
        (401, "AUTH_USER_UNAUTHORISED", "polyai_key_rejected", False),
        (401, None, "polyai_key_rejected", False),
        (403, "AUTH_USER_NOT_FOUND", "polyai_key_rejected", False),
        (403, "AUTH_USER_UNAUTHORISED", "polyai_key_rejected", False),
        (403, "AUTH_USER_INVALID_TOKEN", "polyai_key_rejected", False),
        (403, "USER_ACCESS_FORBIDDEN", "polyai_forbidden", False),
        (403, "ACCOUNT_INSUFFICIENT_PERMISSIONS", "polyai_forbidden", False),
        (404, "CONVERSATIONS_NOT_FOUND", "conversation_not_found", False),
        (404, "SOMETHING_NEW", "conversation_not_found", False),
        (404, "PROJECT_NOT_FOUND", "agent_not_found", False),
        (404, "ACCOUNT_NOT_FOUND", "agent_not_found", False),
        (404, "CONVERSATIONS_RECORDING_NOT_FOUND", "recording_missing", False),
        (404, 5003, "recording_missing", False),
        (404, None, "wrong_host", False),
        (408, None, "polyai_unavailable", True),
        (409, None, "recording_not_ready", True),
        (425, None, "recording_not_ready", True),
        (410, None, "recording_gone", False),
        (429, None, "polyai_rate_limited", True),
        (500, "X", "polyai_server_error", False),
        (507, None, "polyai_server_error", False),
        (502, None, "polyai_unavailable", True),
        (503, None, "polyai_unavailable", True),
        (504, None, "polyai_unavailable", True),
        (301, None, "unexpected_redirect", False),
        (204, None, "not_audio", False),
    ],
)
def test_each_status_has_its_error(*, status, code, name, retryable):
    error = translated(status, code)
    assert (error.code, error.retryable) == (name, retryable)


@each_row(
    ("facts", "kind", "cause"),
    [
        (None, errors.RecordingMissing, "just ended"),
        (CallFacts("c", channel="WEBCHAT"), errors.RecordingMissing, "It was a chat"),
        (CallFacts("c", channel="CHAT", in_progress=True), errors.RecordingMissing, "a chat"),
        (CallFacts("c", channel="MESSAGING"), errors.RecordingMissing, "It was a chat"),
        (CallFacts("c", in_progress=True), errors.RecordingNotReady, "still going on"),
        (CallFacts("c", finished_at=NOW - timedelta(seconds=599)), errors.RecordingNotReady,
         "a few minutes ago"),
        (CallFacts("c", finished_at=NOW - timedelta(minutes=10)), errors.RecordingMissing,
         "discarded"),
        (CallFacts("c", started_at=NOW - timedelta(minutes=12), length_seconds=300),
         errors.RecordingNotReady, "a few minutes ago"),
        (CallFacts("c", started_at=NOW), errors.RecordingMissing, "retention"),
    ],
)  # fmt: skip
def test_a_missing_recording_is_explained_by_the_facts_of_the_call(facts, kind, cause):
    error = translated(404, NO_RECORDING, facts=facts)
    assert type(error) is kind
    assert cause in error.likely_cause


@each_row(
    "body", ['{"message": "no route"}', '{"error_message": "x"}', "<html>404</html>", "[]", '"x"']
)
def test_a_404_without_polyais_envelope_is_a_wrong_host(body):
    assert type(translated(404, body=body)) is errors.WrongHost


def test_retry_after_is_kept_where_waiting_helps_and_not_ready_waits_twenty_seconds_without_it():
    named = {"Retry-After": "5"}
    for status, seconds in ((409, 5.0), (429, 5.0), (401, None)):
        assert translated(status, headers=named).retry_after_seconds == seconds
    assert translated(409).retry_after_seconds == 20.0


def test_the_correlation_id_is_read_from_the_header_and_then_from_the_envelope():
    headers = {"X-PolyAI-Correlation-Id": "h-1"}
    assert translated(401, "X", headers=headers).correlation_id == "h-1"
    assert translated(401, "X").correlation_id == "e-1"
    assert translated(401).correlation_id is None


FIELD = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just([{}])
BODY = st.fixed_dictionaries({"error_code": FIELD, "error_id": FIELD}).map(json.dumps)


@given(st.integers(100, 599), st.binary(max_size=20) | BODY.map(str.encode))
@settings(max_examples=examples(20))
def test_any_response_is_translated_without_repeating_its_content(status, body):
    error = error_from(status, body, httpx.Headers(), now=NOW)
    assert isinstance(error, errors.PolyAIError)
    assert str(error) == type(error).what
