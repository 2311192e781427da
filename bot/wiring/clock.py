"""The clock of a running bot."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Tell the time; everything that needs it is given a clock."""
    return datetime.now(UTC)
