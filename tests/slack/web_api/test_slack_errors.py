"""The texts for Slack's errors."""

import re

from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Unexpected
from bot.recordings.deliveries.slack_errors import FileDeleted, UploadGone
from bot.slack.web_api.errors import (
    BY_CODE,
    FilesRestricted,
    PersonUnknown,
    PostingRestricted,
    SlackCallInvalid,
    SlackError,
    SlackRateLimited,
    SlackTokenRejected,
    SlackUnclear,
    WorkspaceMoving,
    error_of,
)
from tests.tables import each_row


def translated(code, status=200, retry_after=None):
    return error_of(code, status=status, retry_after_seconds=retry_after)


@each_row(
    "code",
    [
        *("invalid_arguments", "invalid_limit", "invalid_cursor", "invalid_arg_name"),
        *("invalid_array_arg", "invalid_form_data", "invalid_post_type", "invalid_ts_oldest"),
        *("invalid_blocks_format", "missing_argument", "missing_post_type", "unknown_method"),
        *("msg_too_long", "view_too_large", "no_text", "not_allowed_token_type"),
    ],
)
def test_a_malformed_call_is_our_mistake_and_says_nothing_about_people(code):
    error = translated(code)
    assert type(error) is SlackCallInvalid
    assert error.is_own_mistake
    assert not error.retryable
    assert (error.what, error.fix) == (Unexpected.what, Unexpected.fix)


@each_row("code", ["invalid_auth", "invalid_blocks", "missing_scope", "not_found"])
def test_errors_that_others_have_to_fix_are_not_our_mistakes(code):
    assert not translated(code).is_own_mistake


@each_row(
    ("status", "code", "kind"),
    [
        (429, "", SlackRateLimited),
        (429, "channel_not_found", SlackRateLimited),
        (500, "", SlackUnclear),
        (502, "channel_not_found", SlackUnclear),
        (504, "", SlackUnclear),
        (404, "", SlackError),
        (200, "never_heard_of_it", SlackError),
        (200, "org_login_required", WorkspaceMoving),
        (200, "token_expired", SlackTokenRejected),
        (200, "messages_tab_disabled", PersonUnknown),
        (200, "slack_connect_file_upload_sharing_blocked", FilesRestricted),
        (200, "restricted_action_read_only_channel", PostingRestricted),
    ],
)
def test_each_answer_has_its_error_and_the_status_takes_precedence_over_the_code(
    status, code, kind
):
    assert type(translated(code, status)) is kind


def test_the_retry_after_is_kept():
    assert translated("", 429, 12.0).retry_after_seconds == 12.0
    assert translated("ratelimited", 200, 3.0).retry_after_seconds == 3.0


def test_an_unknown_code_is_kept_for_the_log():
    error = translated("team_access_not_granted")
    assert error.likely_cause == "Slack answers `team_access_not_granted`."
    assert not error.retryable


@each_row(
    "odd",
    ["", "<!channel>", "xoxb-123", "+44 7700 900123", "a" * 61, "Hello", "a`b", "a\nb", "a\n", "ü"],
)
def test_a_code_with_odd_characters_is_never_shown(odd):
    assert translated(odd).likely_cause == "Slack answers `unknown`."


@given(code=st.text() | st.sampled_from(sorted(BY_CODE)), status=st.integers(100, 599))
def test_any_answer_becomes_an_error_with_harmless_words(code, status):
    error = translated(code, status)
    shown = error.what + error.likely_cause + error.fix
    assert re.fullmatch(r"[A-Za-z0-9 _.,;:`'()/@-]*", shown), shown


def test_a_code_after_which_the_call_may_have_taken_effect_is_unclear():
    unclear = {code for code, kind in BY_CODE.items() if kind is SlackUnclear}
    maybe_done = {"internal_error", "fatal_error", "file_update_failed", "fetch_members_failed"}
    assert maybe_done <= unclear
    assert "ratelimited" not in unclear


def test_a_file_that_was_deleted_is_distinguished_from_one_that_is_not_found():
    assert (BY_CODE["file_not_found"], BY_CODE["file_deleted"]) == (UploadGone, FileDeleted)
