"""Why a file is taken back: the words that the audit, the cards and the digests share."""

from enum import StrEnum
from typing import Final


class TakeBackCause(StrEnum):
    """Why a raw recording was taken back."""

    TIME_OVER = "time_over"
    RIGHT_ENDED = "right_ended"
    EXTERNAL = "external"
    PUBLIC = "public"
    AUDIENCE = "audience"
    FORWARDED = "forwarded"
    PUBLIC_LINK = "public_link"
    UNVERIFIED = "doubt"
    UNFINISHED = "unfinished"
    ASKED = "asked"


RAW_IS_NOT_ALLOWED: Final = frozenset(TakeBackCause) - {
    TakeBackCause.TIME_OVER,
    TakeBackCause.UNFINISHED,
    TakeBackCause.ASKED,
}
"""Those after which the redacted recording follows: it is not the recording that had to go."""
