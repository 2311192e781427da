"""The base of every error that is shown to people.

CallAudioError
├── UsageError                   the input cannot be acted on
├── TooManyLookups               people press more than Slack's limits allow
├── Unexpected                   a bug or an unforeseen failure
├── (bot.polyai.errors)          PolyAI's error answers
├── (bot.recordings.audio.wav_errors)  a body that is not a valid recording
└── (bot.slack.web_api.errors)   Slack's error answers
"""

import re
from typing import Final

from bot.ids import new_id

MAX_QUOTED_CHARACTERS: Final = 60
_PERSONAL_NUMBER: Final = re.compile(r"\+?\d(?:[ ().-]?\d){5,}")
ASK_OPERATOR: Final = "Ask the callaudio operator to "


def quoted(typed: str) -> str:
    """Quote typed text, without backticks, which end the quote, and without tags.

    What may be a person's number, six digits or more, is masked: the words are shown and logged.
    """
    shown = _PERSONAL_NUMBER.sub("•••", re.sub(r"[`<>&]", "", typed))
    return f"`{shown[:MAX_QUOTED_CHARACTERS]}`"


class CallAudioError(Exception):
    """A failure that is explained to people.

    A subclass states ``what`` happened, the ``likely_cause``, if it is known and not obvious, and
    the ``fix``; a call site may replace any of the three. None of them may contain a secret, a URL,
    a phone number or a transcript, because they are shown, logged and stored.

    Attributes:
        code: stable snake_case name for audit payloads, metrics and logs.
        retryable: the same call may succeed later.
        may_be_done: the call may have taken effect although it failed.
        is_own_mistake: the call itself was wrong, so it says nothing about what it asked for.
        retry_after_seconds: the minimum wait that the other side asked for.
        correlation_id: the other side's id of the failed call, safe to show.
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
    """The input cannot be acted on."""

    code = "usage"
    what = "I could not read that."
    fix = "Type `/callaudio help` to see what can be asked."


class TooManyLookups(CallAudioError):
    """Answers to people would use up the calls that checks and deliveries need."""

    code = "too_many_lookups"
    what = "I cannot look that up at the moment."
    likely_cause = "Too many buttons were pressed within a minute, and Slack limits my look-ups."
    fix = "Try again in a minute; `/callaudio` with the conversation id works now."
    retryable = True


class Unexpected(CallAudioError):
    """A bug or an unforeseen failure; the log has its details under the reference."""

    code = "unexpected"
    what = "Something went wrong that I did not expect."
    likely_cause = "A fault in callaudio, or in something that it needs; you did nothing wrong."
    fix = "Try again in a minute; if it keeps failing, tell the callaudio operator the reference."


def new_reference() -> str:
    """Make an id that connects an answer to a person with the logs and the audit."""
    return new_id("e", 11)
