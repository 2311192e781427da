"""Translates Slack's error codes into errors for people."""

import re
from http import HTTPStatus
from typing import Final

from bot.errors import CallAudioError
from bot.home.publishing import HomeConflict
from bot.recordings.deliveries.slack_errors import (
    ConversationArchived,
    ConversationUnseen,
    FileDeleted,
    UploadGone,
)
from bot.slack.web_api.errors import (
    BlocksRefused,
    FilesRestricted,
    ModalClosed,
    PersonUnknown,
    PostingRestricted,
    ScopeMissing,
    SlackCallInvalid,
    SlackError,
    SlackRateLimited,
    SlackTokenRejected,
    SlackUnclear,
    ThreadGone,
    TriggerLapsed,
    WorkspaceMoving,
)

BY_CODE: Final[dict[str, type[CallAudioError]]] = {
    "ratelimited": SlackRateLimited,
    "rate_limited": SlackRateLimited,
    "internal_error": SlackUnclear,
    "fatal_error": SlackUnclear,
    "request_timeout": SlackUnclear,
    "service_unavailable": SlackUnclear,
    "file_update_failed": SlackUnclear,
    "fetch_members_failed": SlackUnclear,
    "team_added_to_org": WorkspaceMoving,
    "org_login_required": WorkspaceMoving,
    "invalid_auth": SlackTokenRejected,
    "not_authed": SlackTokenRejected,
    "account_inactive": SlackTokenRejected,
    "token_revoked": SlackTokenRejected,
    "token_expired": SlackTokenRejected,
    "missing_scope": ScopeMissing,
    "no_permission": ScopeMissing,
    "channel_not_found": ConversationUnseen,
    "invalid_channel": ConversationUnseen,
    "not_in_channel": ConversationUnseen,
    "method_not_supported_for_channel_type": ConversationUnseen,
    "is_archived": ConversationArchived,
    "thread_not_found": ThreadGone,
    "file_not_found": UploadGone,
    "file_deleted": FileDeleted,
    "file_uploads_disabled": FilesRestricted,
    "file_uploads_except_images_disabled": FilesRestricted,
    "file_upload_size_restricted": FilesRestricted,
    "file_type_not_allowed": FilesRestricted,
    "storage_limit_reached": FilesRestricted,
    "slack_connect_file_upload_sharing_blocked": FilesRestricted,
    "slack_connect_blocked_file_type": FilesRestricted,
    "posting_to_channel_denied": PostingRestricted,
    "restricted_action": PostingRestricted,
    "restricted_action_read_only_channel": PostingRestricted,
    "restricted_action_thread_only_channel": PostingRestricted,
    "restricted_action_non_threadable_channel": PostingRestricted,
    "expired_trigger_id": TriggerLapsed,
    "exchanged_trigger_id": TriggerLapsed,
    "invalid_trigger_id": TriggerLapsed,
    "invalid_blocks": BlocksRefused,
    "invalid_message": BlocksRefused,
    "invalid_view": BlocksRefused,
    "not_found": ModalClosed,
    "hash_conflict": HomeConflict,
    "user_not_found": PersonUnknown,
    "users_not_found": PersonUnknown,
    "user_not_visible": PersonUnknown,
    "user_disabled": PersonUnknown,
    "cannot_dm_bot": PersonUnknown,
    "messages_tab_disabled": PersonUnknown,
}


OWN_MISTAKES: Final = re.compile(
    r"invalid_\w+|missing_(?!scope)\w+|unknown_method|method_deprecated|deprecated_endpoint"
    r"|not_allowed_token_type|no_text|too_many_\w+|\w+_too_(?:long|large)|\w+_not_supplied"
    r"|json_not_object|request_body_invalid|bad_\w+"
)
"""Slack's codes for malformed calls, except those in ``BY_CODE``."""


def error_of(slack_code: str, *, status: int, retry_after_seconds: float | None) -> CallAudioError:
    """Translate Slack's error code or, without one, the HTTP status."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return SlackRateLimited(retry_after_seconds=retry_after_seconds)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:  # whatever its body says
        return SlackUnclear()
    known = BY_CODE.get(slack_code)
    if known:
        return known(retry_after_seconds=retry_after_seconds)
    if OWN_MISTAKES.fullmatch(slack_code):
        return SlackCallInvalid()
    # Slack's codes are words; anything else could contain something confidential.
    shown = slack_code if re.fullmatch(r"[a-z_]{1,60}", slack_code) else "unknown"
    return SlackError(likely_cause=f"Slack answers `{shown}`.")
