"""Times in the format of Slack's client (docs: "Formatting text for app surfaces", dates)."""

import re
from datetime import UTC, datetime

from bot.sandbox.render.markup import UnrenderableError
from bot.sandbox.render.reader import Reader

_TOKEN = re.compile(r"\{(\w+)\}")
_TEENS = (11, 12, 13)
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}


def written_date(reader: Reader, timestamp: int, pattern: str) -> str:
    """Fill in a date pattern such as ``{date_short_pretty} {time}`` in the reader's zone.

    Raises:
        UnrenderableError: Slack has no such token.
    """
    try:
        when = datetime.fromtimestamp(timestamp, UTC).astimezone(reader.zone)
    except (OverflowError, OSError, ValueError):
        raise UnrenderableError(f"no time at {timestamp}") from None
    return _TOKEN.sub(lambda match: _part(reader, when, match[1]), pattern)


def clock_time(reader: Reader, ts: str) -> str:
    """Format the time of a message as the client shows it beside the name."""
    when = datetime.fromtimestamp(float(ts), UTC).astimezone(reader.zone)
    return f"{when:%H:%M}"


def _part(reader: Reader, when: datetime, token: str) -> str:
    plain = token
    if token in ("date_pretty", "date_short_pretty", "date_long_pretty"):
        near = _near(reader, when)
        if near:
            return near
        plain = token.removesuffix("_pretty")
    written = {
        "date_num": f"{when:%Y-%m-%d}",
        "date": f"{when:%B} {_ordinal(when.day)}, {when.year}",
        "date_short": f"{when:%b} {when.day}, {when.year}",
        "date_long": f"{when:%A}, {when:%B} {_ordinal(when.day)}, {when.year}",
        "time": f"{when:%H:%M}",
        "time_secs": f"{when:%H:%M:%S}",
    }.get(plain)
    if written is None:
        raise UnrenderableError(f"no date token {{{token}}}")
    return written


def _near(reader: Reader, when: datetime) -> str | None:
    days = (when.date() - reader.now.astimezone(reader.zone).date()).days
    return {-1: "yesterday", 0: "today", 1: "tomorrow"}.get(days)


def _ordinal(day: int) -> str:
    return f"{day}{'th' if day in _TEENS else _ENDINGS.get(day % 10, 'th')}"
