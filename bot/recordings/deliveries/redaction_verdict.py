"""The verdicts of redaction checks, by which later deliveries of a recording are refused."""

from enum import StrEnum


class Verdict(StrEnum):
    """The verdict on a redacted recording."""

    PROVEN = "proven"
    """It is the raw recording, sample by sample, with some moments muted."""
    NOTHING_MUTED = "nothing_muted"
    """It is the raw recording: there was nothing to mute, or nothing was muted."""
    DIFFERS = "differs"
    """Something can be heard that should be muted."""
    INCONCLUSIVE = "cannot_tell"
