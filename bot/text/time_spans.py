"""Spans of a recording in text: ``0:05.2-0:10.4``."""

import re
from typing import Final

TIME: Final = r"(?:(\d{1,2}):)?(\d{1,3}):(\d{2}(?:\.\d{1,3})?)"
SPAN: Final = re.compile(rf"{TIME}-{TIME}")


def parse_time_span(text: str) -> tuple[float, float]:
    """Parse start and end, in seconds from the start of the recording.

    Raises:
        ValueError: it is not a span, or ends before it begins.
    """
    found = SPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError("a span reads 0:05.2-0:10.4")
    parts = [float(each or 0) for each in found.groups()]
    start, end = (
        hours * 3600 + minutes * 60 + seconds for hours, minutes, seconds in (parts[:3], parts[3:])
    )
    if start >= end:
        raise ValueError("a span ends after it begins")
    return start, end


def format_time(seconds: float) -> str:
    """Format a time of a recording, to a tenth of a second."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    clock = f"{minutes:02}" if hours else str(minutes)
    return f"{f'{hours}:' if hours else ''}{clock}:{rest // 10:02}.{rest % 10}"
