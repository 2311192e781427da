"""List rows and single conversations as PolyAI writes them (from real responses)."""

from datetime import datetime, timedelta
from typing import Any

from bot.sandbox.polyai_calls import PolyCall

_SPEECH_SECONDS = 12
_TURN_SECONDS = 2
_REDACTED = "REDACTED"

PERSONAL_WORDS = ("Ada Lovelace", "14 Acacia Avenue", "ada@example.org", "0412345678", "overdrawn")
"""Personal data in rows; none of it may be shown to people who list conversations."""

_NAME, _STREET, _MAIL, _ACCOUNT, _WORD = PERSONAL_WORDS


def list_row(call: PolyCall) -> dict[str, Any]:
    """One row of the v1 list."""
    finished, seconds = _end(call)
    return {
        "conversationId": call.conversation_id,
        "accountId": "ws-sandbox",
        "projectId": call.agent_id,
        "createdAt": _stamp(call.started_at),
        "startedAt": _stamp(call.started_at),
        "finishedAt": _stamp(finished) if finished else None,
        "channel": call.channel,
        "clientEnv": "live",
        "direction": "inbound",
        "fromNumber": call.from_number,
        "toNumber": "+442079460000",
        "language": "en-GB",
        "variantId": None,
        "deploymentId": None,
        "totalDuration": seconds,
        "polyaiDuration": seconds,
        "duration": seconds,
        "inProgress": call.in_progress,
        "handoff": call.handoff,
        "handoffDestination": "billing" if call.handoff else None,
        "handoffReason": "asked for a person" if call.handoff else None,
        "tags": [],
        "polyScore": None,
        "note": f"{_NAME} called about {_ACCOUNT}",
        "audioUrl": None,
        "shortSummary": {"heading": f"{_NAME} is {_WORD}", "content": f"Lives at {_STREET}"},
        **call.row,
    }


def whole_conversation(call: PolyCall, *, pii: bool) -> dict[str, Any]:
    """The body of get-one; ``audioUrl`` is a relative path, and null without a recording.

    For a key without PII access the turns lack what was said.
    """
    path = f"conversations/{call.conversation_id}/audio" if call.recording else None
    return {
        **list_row(call),
        "audioUrl": path,
        "metrics": {},
        "functionEvents": {},
        "turns": [_turn(call, number, pii=pii) for number in range(len(call.said))],
        **call.row,
    }


def _turn(call: PolyCall, number: int, *, pii: bool) -> dict[str, Any]:
    said = call.said[number]
    user_input, agent_response = said if pii else [each and _REDACTED for each in said]
    at = call.started_at + timedelta(seconds=_TURN_SECONDS * number)
    path = f"conversations/{call.conversation_id}/turns/{number}/audio"
    return {
        "turn_id": number,
        "user_input": user_input,
        "user_input_dtmf": "",
        "user_input_datetime": _stamp(at),
        "agent_response": agent_response,
        "agent_response_datetime": _stamp(at + timedelta(seconds=1)),
        "translated_user_input": "",
        "english_agent_response": "",
        "latency": {
            "label": None,
            "perceived_latency": 0.8,
            "perceived_latency_percentile_1d": None,
        },
        "intents": None,
        "entities": None,
        "is_ood": None,
        "is_silence": None,
        "barge_in": False,
        "asr_lang_code": "en-GB",
        "tts_lang_code": "en-GB",
        "user_input_audio_url": path if user_input else "",
        "metadata": {"top_transcripts": [{"text": user_input}]},
        "llm_requests": [],
        "reviews": [],
    }


def platform_row(call: PolyCall, account_id: str) -> dict[str, Any]:
    """One row of the v3 list, transcript and state included."""
    _, seconds = _end(call)
    turn = {
        "user_input": f"My name is {_NAME} and I am {_WORD}",
        "user_input_dtmf": _ACCOUNT,
        "user_input_datetime": _stamp(call.started_at),
        "agent_response": f"Thank you, {_NAME}",
        "agent_response_datetime": _stamp(call.started_at),
        "translated_user_input": "",
        "english_agent_response": "",
        "latency": 0.8,
        "intents": None,
        "entities": [{"address": _STREET}],
        "is_ood": None,
        "is_silence": None,
    }
    return {
        "id": call.conversation_id,
        "account_id": account_id,
        "project_id": call.agent_id,
        "environment": environment_of(call),
        "started_at": _stamp(call.started_at),
        "channel": call.channel,
        "in_progress": call.in_progress,
        "variant_id": "",
        "variant_name": "",
        "from_number": call.from_number,
        "to_number": "+442079460000",
        "num_turns": 4,
        "total_duration": seconds,
        "polyai_duration": seconds,
        "handoff": call.handoff,
        "handoff_reason": "asked for a person" if call.handoff else "",
        "handoff_destination": "billing" if call.handoff else "",
        "num_silences": 1,
        "num_ood": 0,
        "metrics": {"EMAIL": _MAIL},
        "state": {"caller": {"name": _NAME, "street": _STREET}},
        "turns": [turn],
        **call.platform_row,
    }


def environment_of(call: PolyCall) -> str:
    """The environment a conversation was held in."""
    return str(call.row.get("clientEnv", "live"))


def _end(call: PolyCall) -> tuple[datetime | None, int]:
    """Return when it ended, and its length in seconds."""
    finished = None if call.in_progress else call.finished_at
    if finished is None and not call.in_progress:
        finished = call.started_at + timedelta(seconds=_SPEECH_SECONDS)
    return finished, int((finished - call.started_at).total_seconds()) if finished else 0


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
