"""The identifiers in Slack's requests: commands, events, ``action_id``, ``callback_id``, fields."""

from enum import StrEnum
from typing import Final

COMMAND: Final = "/callaudio"
ADMIN_COMMAND: Final = "/callaudio-admin"
FIND_CALL_SHORTCUT: Final = "find_call_audio"
GET_CALL_SHORTCUT: Final = "get_call_audio"


class Event(StrEnum):
    """Every event of Slack that the bot subscribes to."""

    APP_UNINSTALLED = "app_uninstalled"
    TOKENS_REVOKED = "tokens_revoked"
    GROUP_CHANGED = "subteam_members_changed"
    USER_CHANGED = "user_change"
    MEMBER_JOINED = "member_joined_channel"
    CHANNEL_SHARED = "channel_shared"
    CHANNEL_ID_CHANGED = "channel_id_changed"
    FILE_CHANGED = "file_change"
    FILE_PUBLISHED = "file_public"
    FILE_SHARED = "file_shared"
    HOME_OPENED = "app_home_opened"


class Action(StrEnum):
    """Every ``action_id`` in use; each has one listener. Posted messages keep their values."""

    RAW_TO_DM = "raw_to_dm"
    REDACTED_INSTEAD = "redacted_instead"
    REQUEST_ACCESS = "request_access"
    APPROVE_ACCESS = "approve_access"
    DENY_ACCESS = "deny_access"
    SEND_AGAIN = "send_again"
    GET_FROM_DIGEST = "get_from_digest"
    OTHER_SIDE = "other_side"
    TRANSCRIPT = "transcript"
    DELETE = "delete"
    WAVEFORM = "waveform"
    FIND_CALL = "find_call"
    FIND_AGENT = "find_agent"
    FIND_DAY = "find_day"
    FIND_ANY_DAY = "find_any_day"
    FIND_HANDOFF = "find_handoff"
    FIND_NEWER = "find_newer"
    FIND_OLDER = "find_older"
    CHOOSE_CALL = "choose_call"
    CHOOSE_REDACTED = "choose_redacted"
    ADD_DIGEST = "add_digest"
    SAVE_DIGEST = "save_digest"


class ModalCallback(StrEnum):
    """Every ``callback_id`` of a modal; each has one listener."""

    REQUEST_ACCESS = "request_access"
    FIND_CALL = "find_call"
    GET_CALL_AUDIO = "get_call_audio"
    ADD_DIGEST = "add_digest"
    SAVE_DIGEST = "save_digest"


class Input(StrEnum):
    """A field of a modal: the id of its block and of its element."""

    REASON = "reason"
    HOURS = "hours"
    CALL = "call"
    DESTINATION = "destination"
    DIRECTION = "direction"
    REDACTED = "redacted"
    CONVERSATION = "conversation"
    KIND = "kind"
    CHANNEL = "channel"
    TIMETABLE = "timetable"
    ZONE = "zone"
    AGENT = "agent"
