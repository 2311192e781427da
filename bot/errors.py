"""The root of every error a person may be told about.

CallAudioError
├── UsageError            what was typed cannot be acted on
├── Unexpected            a failure that nobody thought of
├── (bot.polyai.errors)   PolyAI's answers, translated at that edge
├── (bot.recordings.wav)  a body that is not the recording it claims to be
└── (bot.slack.web_api.errors)    Slack's answers, translated at that edge
"""

import re
from typing import Final

from bot.ids import new_id

MAX_QUOTED_CHARACTERS: Final = 60
ASK_OPERATOR: Final = "Ask the callaudio operator to "


def quoted(typed: str) -> str:
    """Quote what somebody typed; a backtick would end it early, and a tag would be one."""
    return f"`{re.sub(r'[`<>&]', '', typed)[:MAX_QUOTED_CHARACTERS]}`"


class CallAudioError(Exception):
    """Something went wrong on the way to the recording.

    A subclass states, for people, ``what`` happened, the ``likely_cause`` where one can be known
    that ``what`` does not say, and the ``fix``; a call site may replace any of the three. None of
    them may hold a secret, a URL, a phone number or a transcript: they are shown, logged and
    stored.

    Attributes:
        code: stable snake_case name for audit payloads, metrics and logs.
        retryable: the same call may succeed later.
        may_be_done: the call may have had its effect all the same.
        is_own_mistake: the call was wrong in itself: nothing that was asked about is told by it.
        retry_after_seconds: the least wait the other side asked for.
        correlation_id: the other side's own id of the failed call, safe to show.
    """

    code = "failed"
    what = "That did not work."
    likely_cause = ""
    fix = "Try again; if it keeps failing, tell the callaudio operator the reference."
    retryable = False
    may_be_done = False
    is_own_mistake = False

    def __init__(
        self,
        *,
        what: str | None = None,
        likely_cause: str | None = None,
        fix: str | None = None,
        retry_after_seconds: float | None = None,
        correlation_id: str | None = None,
    ) -> None:
        self.what = what or self.what
        self.likely_cause = likely_cause or self.likely_cause
        self.fix = fix or self.fix
        self.retry_after_seconds = retry_after_seconds
        self.correlation_id = correlation_id
        super().__init__(self.what)

    @property
    def operator_fix(self) -> str:
        """The fix as worded for the operator."""
        fix = self.fix.replace("tell the callaudio operator the reference", "check the logs")
        fix = fix.replace("Tell the callaudio operator the reference", "Check the logs")
        asked = fix.removeprefix(ASK_OPERATOR)
        return fix if asked == fix else asked[:1].upper() + asked[1:]


class UsageError(CallAudioError):
    """What was typed cannot be acted on."""

    code = "usage"
    what = "I could not read that."
    fix = "Type `/callaudio help` to see what can be asked."


class Unexpected(CallAudioError):
    """A failure that nobody thought of; the log holds it under the reference."""

    code = "unexpected"
    what = "Something went wrong that I did not expect."
    likely_cause = "A fault in callaudio, or in something that it needs; you did nothing wrong."
    fix = "Try again in a minute; if it keeps failing, tell the callaudio operator the reference."


def new_reference() -> str:
    """Make an id under which what somebody is told is found again in logs and audit."""
    return new_id("e", 11)
