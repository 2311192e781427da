"""What of a call a delivery brings."""

from enum import StrEnum


class DeliveryKind(StrEnum):
    """Audio comes raw or redacted; a transcript raw, or not at all."""

    AUDIO = "audio"
    TRANSCRIPT = "transcript"
