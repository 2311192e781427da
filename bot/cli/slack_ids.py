"""Options that take an id of Slack; another text ends the command with 2."""

import re
from collections.abc import Callable
from typing import Annotated

import typer

from bot.cli import console


def _id(
    kind: str, begins: str, found: str
) -> Callable[[typer.CallbackParam, str | None], str | None]:
    """Build the check of an option: which ids it takes, and where people find them."""
    form = re.compile(rf"[{begins}][A-Z0-9]{{2,}}")

    def check(option: typer.CallbackParam, typed: str | None) -> str | None:
        if typed is None or form.fullmatch(typed):
            return typed
        is_not = f"{option.opts[0]}: `{typed}` is not a {kind} id ({begins[0]}…)."
        raise console.complain(f"{is_not} {found}", code=console.BAD_USAGE)

    return check


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
