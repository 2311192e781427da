"""Words for reasons, sizes and times, escaped for mrkdwn."""

from datetime import datetime
from types import MappingProxyType
from typing import Final

from bot.access.policy import Outcome, Reason
from bot.polyai.payloads import CallFacts, Direction
from bot.recordings.audio.spans import SpanSummary
from bot.recordings.deliveries.delivery import DeliveryKind

WHY_REDACTED: Final = MappingProxyType(
    {
        Reason.EXTERNAL_DESTINATION: "people of another organisation can read this channel",
        Reason.ASKED: "as requested",
        Reason.NOT_CLEARED: "you are not cleared to hear unredacted recordings",
        Reason.NO_RAW_KEY: "this agent has no key for unredacted recordings",
        Reason.AUDIENCE: "not everyone here is known to be cleared to hear unredacted recordings",
        Reason.FACT_UNKNOWN: "Slack did not confirm, for minutes, all that this needs",
    }
)

MUTED: Final = "personal details are muted"

# The same for everyone in the thread; only the requester learns who is not cleared.
WHY_REDACTED_IN_PUBLIC: Final = MappingProxyType(
    {**WHY_REDACTED, Reason.NOT_CLEARED: MUTED, Reason.AUDIENCE: MUTED, Reason.FACT_UNKNOWN: MUTED}
)

PUBLIC_CHANNEL: Final = "this is a public channel, and everybody in the workspace can open it"

WHY_REFUSED: Final = MappingProxyType(
    {
        Reason.REQUESTER_NOT_ALLOWED: (
            "Only members of this workspace, and guests with a grant of their own, can request "
            "recordings. If you are one, Slack did not confirm it: try again in a minute."
        ),
        Reason.REQUESTER_NOT_IN_DESTINATION: (
            "You are not in that conversation, or Slack did not confirm that you are. Join it "
            "first, or ask in a conversation you are in."
        ),
        Reason.EXTERNAL_DESTINATION: (
            "That channel is shared with another organisation, is about to be, or Slack did not "
            "confirm that it is not. Choose a channel of your own organisation; an admin can "
            "allow redacted recordings there with `CALLAUDIO_EXTERNAL_CHANNELS`."
        ),
    }
)

# A transcript has no redacted variant, so every reason is one to refuse it.
WHY_NO_TRANSCRIPT: Final = MappingProxyType(
    {
        **WHY_REFUSED,
        Reason.EXTERNAL_DESTINATION: (
            "That channel is shared with another organisation, is about to be, or Slack did not "
            "confirm that it is not. Transcripts never go there: ask in a channel of your own "
            "organisation."
        ),
        Reason.ASKED: "Redacted was requested, and there is no redacted transcript.",
        Reason.NOT_CLEARED: (
            "A transcript is as personal as the unredacted recording, and you are not cleared to "
            "hear that. Ask an admin for access, then press *Transcript* again."
        ),
        Reason.NO_RAW_KEY: (
            "This agent no longer has the key for unredacted recordings, which transcripts need. "
            "Ask the callaudio operator to set `POLYAI_PII_API_KEY`."
        ),
        Reason.FACT_UNKNOWN: (
            "Slack did not confirm, for minutes, all that a transcript needs. Ask again in a few "
            "minutes."
        ),
        Reason.AUDIENCE: (
            "A transcript is as personal as the unredacted recording, and not everyone here is "
            "known to be cleared to hear that. Ask where everyone is cleared, or in your direct "
            "messages with me."
        ),
    }
)

WHY_TAKEN_BACK: Final = MappingProxyType(
    {
        "time_over": "its time is over",
        # Readers of the card do not learn whose right ended or who is not cleared.
        "right_ended": "it may no longer be heard here",
        "external": "this channel is, or is about to be, shared with another organisation",
        "public": PUBLIC_CHANNEL,
        "audience": "who can hear it changed",
        "forwarded": "it was forwarded to a conversation where it may not be heard",
        "public_link": "a public link to it was created",
        "doubt": "Slack no longer says who can hear it",
        "redaction_differs": (
            "something can be heard in a redacted recording of this call that should be muted"
        ),
        "frozen": "the key that fetched it was found to return unredacted audio",
    }
)

NO_TRANSCRIPT_IN_PUBLIC: Final = (
    "A transcript is as personal as the unredacted recording, and this is a public channel, which "
    "everybody in the workspace can open. Ask in a private channel where everyone is cleared, or "
    "in your direct messages with me."
)

NOUNS: Final = MappingProxyType(
    {DeliveryKind.AUDIO: "recording", DeliveryKind.TRANSCRIPT: "transcript"}
)

# It does not say "deleted": exports and legal holds may keep a copy.
GONE: Final = MappingProxyType(
    {
        DeliveryKind.AUDIO: "The unredacted recording can no longer be heard in Slack",
        DeliveryKind.TRANSCRIPT: "The transcript can no longer be read in Slack",
    }
)
REDACTED_GONE: Final = "The redacted recording can no longer be heard in Slack"

WAITING: Final = "I will keep trying for 15 minutes."
NOT_SHOWN_YET: Final = "Slack does not show the file yet; it may still be scanning it."

SIDES: Final = MappingProxyType(
    {Direction.COMBINED: "both sides", Direction.USER: "caller", Direction.AGENT: "agent"}
)


def why_redacted(reason: Reason, *, is_public: bool) -> str:
    """Word why it is redacted, for the requester only."""
    if is_public and reason is Reason.AUDIENCE:
        return PUBLIC_CHANNEL
    return WHY_REDACTED[reason]


def why_no_transcript(reason: Reason, *, is_public: bool) -> str:
    """Word why there is no transcript, for the requester only."""
    if is_public and reason is Reason.AUDIENCE:
        return NO_TRANSCRIPT_IN_PUBLIC
    return WHY_NO_TRANSCRIPT[reason]


def escape(text: str) -> str:
    """Escape text for mrkdwn (docs: "Formatting text for app surfaces")."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """Format text as code; backticks are removed, because they would end it."""
    return f"`{escape(text.replace('`', ''))}`"


def failure(what: str, likely_cause: str, fix: str) -> list[str]:
    """Lay out a failure in lines of mrkdwn."""
    cause = f"*Likely cause:* {likely_cause}" if likely_cause else ""
    to_do = f"*What to do:* {fix}" if fix else ""
    return [line for line in (what, cause, to_do) if line]


def size(size_bytes: int) -> str:
    """Format a size as file browsers do."""
    if size_bytes < 999_500:  # noqa: PLR2004 - from there on it is rounded to a megabyte
        return f"{max(1, round(size_bytes / 1000))} KB"
    return f"{size_bytes / 1_000_000:.1f} MB"


def length(length_seconds: float | None) -> str | None:
    """Format a length as minutes and seconds, from an hour on with hours."""
    if length_seconds is None:
        return None
    minutes, seconds = divmod(round(length_seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def counted(count: int, one: str, several: str | None = None) -> str:
    """Format a number of things; without ``several`` the plural of ``one`` ends in s."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


def hours(count: int) -> str:
    """Format a number of hours."""
    return counted(count, "hour")


def moment(when: datetime) -> str:
    """Format a time in each reader's own zone; UTC in plain text."""
    fallback = f"{when:%Y-%m-%d %H:%M} UTC"
    return f"<!date^{int(when.timestamp())}^{{date_short_pretty}} {{time}}|{fallback}>"


def instant(seconds: float) -> str:
    """Format a time of a recording to the tenth of a second."""
    minutes, tenths = divmod(round(seconds * 10), 600)
    hours, minutes = divmod(minutes, 60)
    rest = f"{tenths // 10:02}.{tenths % 10}"
    return f"{hours}:{minutes:02}:{rest}" if hours else f"{minutes}:{rest}"


def encoding(name: str | None) -> str | None:
    """Word what to do with a recording that Slack may not play."""
    if name is None:
        return None
    return f"It is {name}, which Slack may not play. Download it and open it in another player."


def muted(spans: SpanSummary | None) -> str | None:
    """Word how much of a recording is muted; None if nothing is, or it is unknown."""
    if spans is None or not spans.count:
        return None
    return f"{counted(spans.count, 'span')}, {spans.seconds:.1f} s"


def outcome(name: str) -> str:
    """Word the outcome of a delivery for people in Slack."""
    return "unredacted" if name == Outcome.RAW else name


def variant(
    outcome: str,
    reason: str,
    deleted_at: datetime | None,
    mutes: SpanSummary | None = None,
    *,
    is_public: bool = False,
    is_for_all_here: bool = False,
    replaced_because: str | None = None,
) -> str:
    """Word which variant the thread has, why, and until when a raw one stays."""
    if outcome == Outcome.RAW:
        facts = [
            "*Unredacted*",
            "everyone here has access" if is_for_all_here else None,
            f"deletes {moment(deleted_at)}" if deleted_at else None,
        ]
    else:
        why = WHY_REDACTED_IN_PUBLIC.get(Reason(reason), reason)
        if is_public and reason == Reason.AUDIENCE:
            why = PUBLIC_CHANNEL
        if replaced_because:
            why = f"in place of the unredacted one: {WHY_TAKEN_BACK[replaced_because]}"
        spans = muted(mutes)
        # The note about muted spans appears once.
        amount = spans if why == MUTED or spans is None else f"muted: {spans}"
        facts = ["*Redacted*", why, amount]
    return " · ".join(fact for fact in facts if fact)


def call_facts(call: CallFacts | None) -> str | None:
    """Word the known facts of the call; None if there are none."""
    if call is None:
        return None
    parts = [
        call.direction,
        moment(call.started_at) if call.started_at else None,
        f"call of {length(call.length_seconds)}" if call.length_seconds else None,
        escape(call.masked_caller) if call.masked_caller else None,
        "handed over to a person" if call.handoff else None,
    ]
    return " · ".join(part for part in parts if part) or None
