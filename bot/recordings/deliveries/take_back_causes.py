"""Causes of a take-back, shared by the audit, the cards and the digests."""

from enum import StrEnum
from typing import Final


class TakeBackCause(StrEnum):
    """Why a recording was taken back."""

    TIME_OVER = "time_over"
    RIGHT_ENDED = "right_ended"
    EXTERNAL = "external"
    PUBLIC = "public"
    AUDIENCE = "audience"
    FORWARDED = "forwarded"
    PUBLIC_LINK = "public_link"
    UNVERIFIED = "doubt"
    UNFINISHED = "unfinished"
    REDACTION_DIFFERS = "redaction_differs"
    FROZEN = "frozen"
    ASKED = "asked"


REDACTED_IS_UNSAFE: Final = frozenset({TakeBackCause.REDACTION_DIFFERS, TakeBackCause.FROZEN})
"""Causes for which redacted recordings are taken back; all others are of raw ones."""

RAW_IS_NOT_ALLOWED: Final = (
    frozenset(TakeBackCause)
    - REDACTED_IS_UNSAFE
    - {TakeBackCause.TIME_OVER, TakeBackCause.UNFINISHED, TakeBackCause.ASKED}
)
"""Causes after which the redacted recording follows: only raw is not allowed."""
