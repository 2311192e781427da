"""Options that several commands take; an unusable value ends the command with 2."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import typer

from bot.cli import console


def _id(
    kind: str, begins: str, found: str
) -> Callable[[typer.CallbackParam, str | None], str | None]:
    """Build the check of an option: which ids of Slack it takes, and where people find them."""
    form = re.compile(rf"[{begins}][A-Z0-9]{{2,}}")

    def check(option: typer.CallbackParam, typed: str | None) -> str | None:
        if typed is None or form.fullmatch(typed):
            return typed
        is_not = f"{option.opts[0]}: `{typed}` is not a {kind} id ({begins[0]}…)."
        raise console.complain(f"{is_not} {found}", code=console.BAD_USAGE)

    return check


def _utc_date(typed: str) -> datetime:
    """Read a date, or a date and time; without an offset it is in UTC."""
    try:
        read = datetime.fromisoformat(typed.strip())
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        form = "2026-06-03 or 2026-06-03T12:00, in UTC"
        raise typer.BadParameter(f"`{typed}` is not a date; write {form}.") from None


_TEAM = _id("workspace", "T", "`callaudio doctor --all` shows it.")
_USER = _id("user", "UW", "In Slack: the person's profile → ⋮ → Copy member ID.")
_GROUP = _id("user group", "S", "In Slack: the user group → ⋮ → Copy group ID.")
_CHANNEL = _id("channel", "CG", "In Slack: the channel's name → About, at the end.")

Team = Annotated[str, typer.Option("--team", callback=_TEAM, help="Workspace id, T…")]
OnlyTeam = Annotated[
    str | None, typer.Option("--team", callback=_TEAM, help="Only this workspace.")
]
User = Annotated[str | None, typer.Option("--user", callback=_USER, help="User id, U…")]
Group = Annotated[str | None, typer.Option("--group", callback=_GROUP, help="User group id, S…")]
Channel = Annotated[str, typer.Option("--channel", callback=_CHANNEL, help="Channel id, C…")]
Owner = Annotated[
    str, typer.Option("--owner", callback=_USER, help="User id, U…: notified of a pause.")
]

_DATE = {"parser": _utc_date, "metavar": "<date>"}
Since = Annotated[datetime | None, typer.Option("--since", **_DATE, help="UTC, included")]
Until = Annotated[datetime | None, typer.Option("--until", **_DATE, help="UTC, excluded")]
Before = Annotated[datetime, typer.Option("--before", **_DATE, help="UTC")]

AsJson = Annotated[bool, typer.Option("--json", help="One JSON array.")]
