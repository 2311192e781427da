"""The clock of a running bot."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current time; code that needs the time is given a clock."""
    return datetime.now(UTC)
