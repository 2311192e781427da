"""Maps PolyAI's answers other than 200 to errors: by status, then by ``error_code``."""

import json
import re
from datetime import datetime, timedelta
from http import HTTPStatus

import httpx

from bot.network.retry import parse_retry_after
from bot.polyai import errors
from bot.polyai.payloads import CallFacts

CORRELATION_HEADER = "X-PolyAI-Correlation-Id"
MAX_ERROR_BODY_BYTES = 64 * 1024
NOT_READY_FOR = timedelta(minutes=10)
NOT_READY_RETRY_SECONDS = 20.0

_RECORDING_CODES = frozenset({"CONVERSATIONS_RECORDING_NOT_FOUND", "5003"})

_BY_STATUS_AND_CODE: dict[tuple[int, str], type[errors.PolyAIError]] = {
    (403, "AUTH_USER_NOT_FOUND"): errors.PolyAIKeyRejected,  # the docs plan to move 3001 to 403
    (403, "AUTH_USER_UNAUTHORISED"): errors.PolyAIKeyRejected,
    (403, "AUTH_USER_INVALID_TOKEN"): errors.PolyAIKeyRejected,
    (404, "CONVERSATIONS_NOT_FOUND"): errors.ConversationNotFound,
    (404, "PROJECT_NOT_FOUND"): errors.AgentNotFound,
    (404, "ACCOUNT_NOT_FOUND"): errors.AgentNotFound,
}
_BY_STATUS: dict[int, type[errors.PolyAIError]] = {
    400: errors.PolyAIRequestInvalid,
    401: errors.PolyAIKeyRejected,
    403: errors.PolyAIForbidden,
    408: errors.PolyAIUnavailable,
    409: errors.RecordingNotReady,  # undocumented; what a running call might answer
    410: errors.RecordingDeleted,
    425: errors.RecordingNotReady,  # as 409
    429: errors.PolyAIRateLimited,
    500: errors.PolyAIServerError,
    502: errors.PolyAIUnavailable,
    503: errors.PolyAIUnavailable,
    504: errors.PolyAIUnavailable,
}


def error_from(
    status: int,
    body: bytes,
    headers: httpx.Headers,
    *,
    now: datetime,
    facts: CallFacts | None = None,
) -> errors.PolyAIError:
    """Translate an answer that is not 200; never fails, whatever the body holds.

    Args:
        status: the HTTP status.
        body: at most the first 64 KiB; only ``error_code`` and ``error_id`` are read from it.
        headers: for ``Retry-After`` and the correlation id.
        now: aware; distinguishes "not ready" from "missing", and resolves dates in ``Retry-After``.
        facts: what is known of the call, for the same purpose.
    """
    envelope = _envelope(body[:MAX_ERROR_BODY_BYTES])
    stated = envelope.get("error_code")
    code = str(stated) if isinstance(stated, str | int) else ""
    kind, likely_cause = _kind(status, code, facts, now, enveloped="error_code" in envelope)
    retry_after_seconds = parse_retry_after(headers.get("Retry-After"), now)
    if kind is errors.RecordingNotReady and retry_after_seconds is None:
        retry_after_seconds = NOT_READY_RETRY_SECONDS
    return kind(
        likely_cause=likely_cause,
        retry_after_seconds=retry_after_seconds if kind.retryable else None,
        correlation_id=(
            shown_correlation_id(headers.get(CORRELATION_HEADER))
            or shown_correlation_id(envelope.get("error_id"))
        ),
    )


def shown_correlation_id(value: object) -> str | None:
    """Return ``value`` if it can safely be shown as a correlation id, else None."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9-]{1,64}", value):
        return value
    return None


def _envelope(body: bytes) -> dict[str, object]:
    """Parse the body; what is no JSON object counts as an empty one."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _kind(
    status: int, code: str, facts: CallFacts | None, now: datetime, *, enveloped: bool
) -> tuple[type[errors.PolyAIError], str | None]:
    if status == HTTPStatus.NOT_FOUND and code in _RECORDING_CODES:
        return _no_recording(facts, now)
    known = _BY_STATUS_AND_CODE.get((status, code)) or _BY_STATUS.get(status)
    if known is not None:
        return known, None
    if status == HTTPStatus.NOT_FOUND:
        return (errors.ConversationNotFound if enveloped else errors.WrongHost), None
    hundreds: dict[int, type[errors.PolyAIError]] = {
        3: errors.UnexpectedRedirect,
        4: errors.PolyAIRequestInvalid,
        5: errors.PolyAIServerError,
    }
    return hundreds.get(status // 100, errors.NotAudio), None


def _no_recording(
    facts: CallFacts | None, now: datetime
) -> tuple[type[errors.PolyAIError], str | None]:
    if facts is None:
        return errors.RecordingMissing, (
            "It was a chat, the call has only just ended, the agent discarded the recording, "
            "or it is past the retention period."
        )
    if facts.is_chat:
        return errors.RecordingMissing, "It was a chat: only phone calls are recorded."
    ended_at = facts.finished_at
    if ended_at is None and facts.started_at is not None and facts.length_seconds is not None:
        ended_at = facts.started_at + timedelta(seconds=facts.length_seconds)
    if facts.in_progress or (ended_at is not None and now - ended_at < NOT_READY_FOR):
        return errors.RecordingNotReady, None
    return errors.RecordingMissing, None
