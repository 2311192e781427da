"""Options that take a date."""

from datetime import UTC, datetime
from typing import Annotated

import typer


def utc_date(typed: str) -> datetime:
    """Read a date, or a date and time; without an offset it is in UTC.

    Raises:
        BadParameter: it is not one; the command ends with 2.
    """
    try:
        read = datetime.fromisoformat(typed.strip())
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        form = "2026-06-03 or 2026-06-03T12:00, in UTC"
        raise typer.BadParameter(f"`{typed}` is not a date; write {form}.") from None


Since = Annotated[
    datetime | None,
    typer.Option("--since", parser=utc_date, metavar="<date>", help="UTC, included"),
]
Until = Annotated[
    datetime | None,
    typer.Option("--until", parser=utc_date, metavar="<date>", help="UTC, excluded"),
]
Before = Annotated[
    datetime, typer.Option("--before", parser=utc_date, metavar="<date>", help="UTC")
]
