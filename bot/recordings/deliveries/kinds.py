"""The kinds of delivery."""

from enum import StrEnum


class DeliveryKind(StrEnum):
    """Audio is delivered raw or redacted; a transcript only raw."""

    AUDIO = "audio"
    TRANSCRIPT = "transcript"
