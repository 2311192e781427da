"""The names and values that the fuzzed parsers know."""

from typing import Final

CALL: Final = "CA0123456789abcdef0123456789abcdef"
UUID: Final = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
LINK: Final = f"https://studio.us.poly.ai/acme/PROJECT-1/conversations/{UUID}"
NUMBER: Final = "+447700900123"
AT: Final = "2026-02-28T09:30:00.000Z"

CALL_WORDS: Final = (
    "conversationId", "id", "channel", "startedAt", "started_at", "finishedAt", "totalDuration",
    "duration", "direction", "handoff", "handoff_reason", "inProgress", "fromNumber", "toNumber",
    "from_number", "to_number", "clientEnv", "environment", "turns", "user_input", "language",
    "agent_response", "user_input_datetime", "outbound", "live", "VOICE", "en-GB", CALL, NUMBER, AT,
)  # fmt: skip
MESSAGE_WORDS: Final = (
    "text", "blocks", "attachments", "elements", "fields", "files", "title", "value", "url", "name",
    "from_url", "fallback", "rich_text", "link", CALL, UUID, LINK, f"<{LINK}|here>",
    f"{CALL}-raw.wav",
)  # fmt: skip
PAYLOAD_WORDS: Final = (
    "type", "user", "team", "id", "team_id", "channel", "actions", "action_id", "block_id", "view",
    "trigger_id", "response_url", "callback_id", "message", "container", "ts", "thread_ts", "state",
    "values", "private_metadata", "enterprise", "selected_option", "command", "user_id", "event",
    "channel_id", "block_actions", "view_submission", "message_action", "event_callback",
    "/callaudio", "U0ALICE00", "T0CALLS00", "C0QUALITY0", "1.2",
)  # fmt: skip
FILE_WORDS: Final = (
    "shares", "public", "private", "channels", "groups", "ims", "public_url_shared", "ts",
    "has_more_shares", "skipped_shares", "share_user_id", "C1", "C2", "1.0",
)  # fmt: skip
