"""``apps.connections.open``: a ticket for one Socket Mode connection."""

from typing import Any

from bot.sandbox.method import Arguments, Method
from bot.sandbox.workspace import Workspace

_TICKET_SECONDS = 30


def _open(workspace: Workspace, _arguments: Arguments) -> dict[str, Any]:
    ticket = workspace.passes.issue("socket", seconds=_TICKET_SECONDS)
    return {"url": f"{workspace.origin.replace('http', 'ws', 1)}/link/?ticket={ticket}"}


METHODS = {"apps.connections.open": Method(_open, caller="app")}
