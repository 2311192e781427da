"""Every row of the table: the error, its text for people, and whether it is retried."""

import inspect
import json
import re
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
HOST = "Ask the callaudio operator to check `POLYAI_API_URL` and `POLYAI_REGION`."


def enveloped(code):
    return json.dumps({"success": False, "error_code": code, "error_id": "e-1", "data": None})


def translated(status, code=None, *, body=None, headers=None, facts=None):
    text = body if body is not None else (enveloped(code) if code else "")
    return error_from(status, text.encode(), httpx.Headers(headers or {}), now=NOW, facts=facts)


@each_row(
    ("status", "code", "kind", "name", "cause", "fix", "retryable"),
    [
        (400, "CONVERSATIONS_VALIDATION_FAILED", errors.PolyAIRequestInvalid,
         "polyai_request_invalid", "form PolyAI does not use", "Copy the link", False),
        (400, None, errors.PolyAIRequestInvalid,
         "polyai_request_invalid", "API has changed", "reference id", False),
        (405, None, errors.PolyAIRequestInvalid,
         "polyai_request_invalid", "API has changed", "reference id", False),
        (401, "AUTH_USER_NOT_FOUND", errors.PolyAIKeyRejected,
         "polyai_key_rejected", "key of another region", "`POLYAI_REGION`", False),
        (401, "AUTH_USER_UNAUTHORISED", errors.PolyAIKeyRejected,
         "polyai_key_rejected", "expired or empty", "`POLYAI_REGION`", False),
        (401, None, errors.PolyAIKeyRejected,
         "polyai_key_rejected", "key of another region", "`POLYAI_REGION`", False),
        (403, "AUTH_USER_NOT_FOUND", errors.PolyAIKeyRejected,
         "polyai_key_rejected", "key of another region", "`POLYAI_REGION`", False),
        (403, "AUTH_USER_UNAUTHORISED", errors.PolyAIKeyRejected,
         "polyai_key_rejected", "key of another region", "`POLYAI_REGION`", False),
        (403, "AUTH_USER_INVALID_TOKEN", errors.PolyAIKeyRejected,
         "polyai_key_rejected", "key of another region", "`POLYAI_REGION`", False),
        (403, "USER_ACCESS_FORBIDDEN", errors.PolyAIForbidden,
         "polyai_forbidden", "was revoked", "covers this agent", False),
        (403, "ACCOUNT_INSUFFICIENT_PERMISSIONS", errors.PolyAIForbidden,
         "polyai_forbidden", "Conversations data", "covers this agent", False),
        (404, "CONVERSATIONS_NOT_FOUND", errors.ConversationNotFound,
         "conversation_not_found", "another agent or region", "Copy the link", False),
        (404, "SOMETHING_NEW", errors.ConversationNotFound,
         "conversation_not_found", "another agent or region", "`sales:CA…`", False),
        (404, "PROJECT_NOT_FOUND", errors.AgentNotFound,
         "agent_not_found", "`POLYAI_AGENT_ID` is wrong", "`POLYAI_REGION`", False),
        (404, "ACCOUNT_NOT_FOUND", errors.AgentNotFound,
         "agent_not_found", "another region", "`POLYAI_AGENT_ID`", False),
        (404, NO_RECORDING, errors.RecordingMissing,
         "recording_missing", "just ended", "Agent Studio", False),
        (404, 5003, errors.RecordingMissing,
         "recording_missing", "discarded", "Agent Studio", False),
        (404, None, errors.WrongHost,
         "wrong_host", "wrong host", "`POLYAI_API_URL`", False),
        (408, None, errors.PolyAIUnavailable,
         "polyai_unavailable", "network", "few minutes", True),
        (409, None, errors.RecordingNotReady,
         "recording_not_ready", "ended a few minutes ago", "tried for a while", True),
        (425, None, errors.RecordingNotReady,
         "recording_not_ready", "still going on", "ten minutes", True),
        (410, None, errors.RecordingDeleted,
         "recording_gone", "retention", "cannot be restored", False),
        (429, None, errors.PolyAIRateLimited,
         "polyai_rate_limited", "short time", "in a minute", True),
        (500, "X", errors.PolyAIServerError,
         "polyai_server_error", "inside PolyAI", "correlation id", False),
        (507, None, errors.PolyAIServerError,
         "polyai_server_error", "inside PolyAI", "correlation id", False),
        (502, None, errors.PolyAIUnavailable,
         "polyai_unavailable", "a problem at PolyAI", "`callaudio doctor`", True),
        (503, None, errors.PolyAIUnavailable,
         "polyai_unavailable", "a problem at PolyAI", "`callaudio doctor`", True),
        (504, None, errors.PolyAIUnavailable,
         "polyai_unavailable", "a problem at PolyAI", "`callaudio doctor`", True),
        (301, None, errors.UnexpectedRedirect,
         "unexpected_redirect", "asks for a login", HOST, False),
        (204, None, errors.NotAudio,
         "not_audio", "gateway answered", "`POLYAI_API_URL`", False),
    ],
)  # fmt: skip
def test_each_status_has_its_error(*, status, code, kind, name, cause, fix, retryable):
    error = translated(status, code)
    assert type(error) is kind
    assert error.code == name
    assert error.what.endswith(".")
    assert cause in error.likely_cause
    assert fix in error.fix
    assert error.retryable is retryable


@each_row(
    ("facts", "kind", "cause"),
    [
        (CallFacts("c", channel="WEBCHAT"), errors.RecordingMissing, "It was a chat"),
        (CallFacts("c", channel="CHAT", in_progress=True), errors.RecordingMissing, "a chat"),
        (CallFacts("c", channel="MESSAGING"), errors.RecordingMissing, "It was a chat"),
        (CallFacts("c", in_progress=True), errors.RecordingNotReady, "still going on"),
        (
            CallFacts("c", finished_at=NOW - timedelta(minutes=9, seconds=59)),
            errors.RecordingNotReady,
            "a few minutes ago",
        ),
        (
            CallFacts("c", finished_at=NOW - timedelta(minutes=10)),
            errors.RecordingMissing,
            "discarded",
        ),
        (
            CallFacts("c", started_at=NOW - timedelta(minutes=12), length_seconds=300),
            errors.RecordingNotReady,
            "a few minutes ago",
        ),
        (CallFacts("c", started_at=NOW), errors.RecordingMissing, "retention"),
    ],
)
def test_a_missing_recording_is_explained_by_the_facts_of_the_call(facts, kind, cause):
    error = translated(404, NO_RECORDING, facts=facts)
    assert type(error) is kind
    assert cause in error.likely_cause


@each_row(
    "body", ['{"message": "no route"}', '{"error_message": "x"}', "<html>404</html>", "[]", '"x"']
)
def test_a_404_without_polyais_envelope_is_a_wrong_host(body):
    assert type(translated(404, body=body)) is errors.WrongHost


def test_not_ready_waits_twenty_seconds_unless_polyai_names_a_time():
    assert translated(409).retry_after_seconds == 20.0
    assert translated(409, headers={"Retry-After": "5"}).retry_after_seconds == 5.0


def test_retry_after_is_kept_only_where_waiting_helps():
    assert translated(429, headers={"Retry-After": "5"}).retry_after_seconds == 5.0
    assert translated(401, headers={"Retry-After": "5"}).retry_after_seconds is None


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


def error_classes():
    return [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.PolyAIError) and kind is not errors.PolyAIError
    ]


@each_row("kind", error_classes())
def test_every_error_says_what_why_and_what_to_do_in_sentences(kind):
    for text in (kind.what, kind.likely_cause, kind.fix):
        assert re.fullmatch(r"[A-Z`].*\.", text)
        assert "http" not in text
    assert kind.__doc__


def test_codes_are_distinct():
    codes = [kind.code for kind in error_classes()]
    assert len(set(codes)) == len(codes)
