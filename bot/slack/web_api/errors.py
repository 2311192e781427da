"""The errors of calls to Slack, in words for people, and the codes of Slack that stand for each."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from bot.errors import CallAudioError, Unexpected
from bot.home.publishing import HomeConflict
from bot.recordings.deliveries.slack_errors import (
    ConversationArchived,
    ConversationUnseen,
    FileDeleted,
    UploadGone,
)


class SlackError(CallAudioError):
    """Slack refused a call."""

    code = "slack_refused"
    what = "Slack did not accept what I tried to do."
    likely_cause = "A setting of the workspace, or a change at Slack that callaudio does not know."
    fix = "Try again; if it keeps failing, tell the callaudio operator the reference."


class SlackRateLimited(SlackError):
    """429: the call had no effect and may be retried later."""

    code = "slack_rate_limited"
    what = "Slack limits how fast I may post."
    likely_cause = "Many recordings were posted in a short time."
    fix = "Try again in a minute."
    retryable = True


class SlackUnreachable(SlackError):
    """No connection was made, so the call had no effect."""

    code = "slack_unreachable"
    what = "Slack cannot be reached at the moment."
    likely_cause = "There is a problem at Slack, or in the network."
    fix = "Try again in a few minutes."
    retryable = True


class WorkspaceMoving(SlackError):
    """The workspace is being moved into an organisation: the call had no effect.

    Slack is then "intermittently unavailable" (docs: ``team_added_to_org``).
    """

    code = "slack_workspace_moving"
    what = "Slack does not serve this workspace at the moment."
    likely_cause = "It is being moved into an Enterprise organisation."
    fix = "Try again when that is finished."
    retryable = True


class SlackUnclear(SlackError):
    """The answer was lost or ambiguous: the call may have taken effect."""

    code = "slack_unclear"
    what = "Slack did not answer clearly."
    likely_cause = "There is a problem at Slack, or in the network."
    fix = "Try again in a few minutes."
    retryable = True
    may_be_done = True


class SlackAnswerLost(SlackUnclear):
    """The request was sent and no answer arrived: the call probably took effect."""

    code = "slack_answer_lost"
    what = "Slack's answer got lost."


class UploadRefused(SlackError):
    """The upload is incomplete; nothing is visible."""

    code = "upload_failed"
    what = "The upload to Slack broke off."
    likely_cause = "There is a problem at Slack, or in the network."
    fix = "Try again in a few minutes."
    retryable = True


class UploadUrlRefused(SlackError):
    """Slack, or something that answers in its place, returned a URL outside Slack."""

    code = "slack_upload_place_refused"
    what = "The recording would have gone to a host that is not Slack's, so I sent nothing."
    likely_cause = "Something answers in Slack's place."
    fix = "Ask the callaudio operator to check `SLACK_API_URL` and the proxy."


class SlackTokenRejected(SlackError):
    """The bot token is no longer valid."""

    code = "slack_token_rejected"
    what = "Slack does not accept the bot's token."
    likely_cause = "The app was removed from the workspace, or its token was replaced."
    fix = "Ask the callaudio operator to install the app again and to set the new token."


class ScopeMissing(SlackError):
    """The app lacks a scope."""

    code = "slack_scope_missing"
    what = "The app lacks a permission in this workspace."
    likely_cause = "It was installed from an older manifest."
    fix = "Ask a workspace admin to install the app again from the current manifest."


class FilesRestricted(SlackError):
    """The workspace does not accept this file."""

    code = "slack_files_restricted"
    what = "This workspace does not let me upload the recording."
    likely_cause = "Uploads are switched off, limited in size or type, or the storage is full."
    fix = "Ask a workspace admin about file uploads by apps."


class PostingRestricted(SlackError):
    """The bot may not post in the conversation."""

    code = "slack_posting_restricted"
    what = "I am not allowed to post in that conversation."
    likely_cause = "Posting there is limited to certain people."
    fix = "Choose another channel, or ask its manager to let me post."


class ThreadGone(SlackError):
    """The parent message of a thread no longer exists."""

    code = "slack_thread_gone"
    what = "That thread is not there any more."
    likely_cause = "Somebody deleted the message that the thread belongs to."
    fix = "Type `/callaudio` in the channel: it starts a thread of its own."


class TriggerLapsed(SlackError):
    """A trigger has expired: it opens one form, within three seconds."""

    code = "slack_trigger_lapsed"
    what = "The form could not be opened in time."
    likely_cause = "Slack, the network or the database was slow for a moment."
    fix = "Press the button again."


class ModalClosed(SlackError):
    """The modal to be changed is no longer open."""

    code = "slack_modal_closed"
    what = "That form is not open any more."
    likely_cause = "It was closed a moment ago."
    fix = "Open it again."


class PersonUnknown(SlackError):
    """Slack does not know the person, or does not let a bot write to them."""

    code = "slack_person_unknown"
    what = "I cannot write to that person."
    likely_cause = "The account is deactivated, or direct messages with the app are off."
    fix = "Ask a workspace admin whether the account is active and may write to apps."


class SlackCallInvalid(SlackError):
    """Slack rejected a malformed call: a bug of the bot, whose log has the details."""

    code = "slack_call_invalid"
    what = Unexpected.what
    likely_cause = Unexpected.likely_cause
    fix = Unexpected.fix
    is_own_mistake = True


class BlocksRefused(SlackError):
    """The workspace rejects a kind of block, or a picture in one: nothing is shown."""

    code = "slack_blocks_refused"
    what = "Slack does not show what I tried to show."
    likely_cause = (
        "Its version here lacks a kind of block, such as charts or tables, or a picture is still "
        "being prepared."
    )
    fix = "Try again in a minute; if it keeps failing, tell the callaudio operator the reference."


CODES: Final[Mapping[type[CallAudioError], str]] = MappingProxyType(
    {
        SlackRateLimited: "ratelimited rate_limited",
        SlackUnclear: """
            internal_error fatal_error request_timeout service_unavailable file_update_failed
            fetch_members_failed
        """,
        WorkspaceMoving: "team_added_to_org org_login_required",
        SlackTokenRejected: "invalid_auth not_authed account_inactive token_revoked token_expired",
        ScopeMissing: "missing_scope no_permission",
        ConversationUnseen: """
            channel_not_found invalid_channel not_in_channel method_not_supported_for_channel_type
        """,
        ConversationArchived: "is_archived",
        ThreadGone: "thread_not_found",
        UploadGone: "file_not_found",
        FileDeleted: "file_deleted",
        FilesRestricted: """
            file_uploads_disabled file_uploads_except_images_disabled file_upload_size_restricted
            file_type_not_allowed storage_limit_reached slack_connect_file_upload_sharing_blocked
            slack_connect_blocked_file_type
        """,
        PostingRestricted: """
            posting_to_channel_denied restricted_action restricted_action_read_only_channel
            restricted_action_thread_only_channel restricted_action_non_threadable_channel
        """,
        TriggerLapsed: "expired_trigger_id exchanged_trigger_id invalid_trigger_id",
        BlocksRefused: "invalid_blocks invalid_message invalid_view",
        ModalClosed: "not_found",
        HomeConflict: "hash_conflict",
        PersonUnknown: """
            user_not_found users_not_found user_not_visible user_disabled cannot_dm_bot
            messages_tab_disabled
        """,
    }
)
BY_CODE: Final[dict[str, type[CallAudioError]]] = {
    code: kind for kind, codes in CODES.items() for code in codes.split()
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
