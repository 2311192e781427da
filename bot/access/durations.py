"""Durations as people type them: `30m`, `8h`, `3d`."""

import re
from datetime import timedelta

from bot.errors import UsageError, quoted

UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
LONGEST = timedelta(days=3650)


def parse_duration(text: str) -> timedelta:
    """Read a duration.

    Raises:
        UsageError: the text is not a duration, or is zero or longer than ten years.
    """
    match = re.fullmatch(r"([1-9]\d{0,6})([mhd])", text.strip())
    length = int(match[1]) * UNITS[match[2]] if match else timedelta()
    if not timedelta() < length <= LONGEST:
        raise UsageError(
            what=f"{quoted(text)} is not a duration.", fix="Write it like 30m, 8h or 3d."
        )
    return length
