"""The choices that some settings offer."""

from enum import StrEnum


class AudienceRule(StrEnum):
    """Whose rights decide whether raw audio may be posted."""

    CLEARED = "cleared"
    REQUESTER = "requester"


class CheckRedaction(StrEnum):
    """Which redacted recordings are compared with the raw ones."""

    DELIVER = "deliver"
    SAMPLE = "sample"
    OFF = "off"


class HeldLimits(StrEnum):
    """Which of Slack's rate limits the bot applies."""

    PUBLISHED = "published"
    LEARNT = "learnt"
