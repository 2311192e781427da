"""``apps.connections.open``, ``auth.test``, ``blocks.validate``: the app, and what it sends."""

from typing import Any

from bot.sandbox.content import check_message
from bot.sandbox.method import Arguments, Method, RefusalError
from bot.sandbox.workspace import Workspace

_TICKET_SECONDS = 30


def _open_connection(workspace: Workspace, _arguments: Arguments) -> dict[str, Any]:
    ticket = workspace.passes.issue("socket", seconds=_TICKET_SECONDS)
    return {"url": f"{workspace.origin.replace('http', 'ws', 1)}/link/?ticket={ticket}"}


def _auth_test(workspace: Workspace, _arguments: Arguments) -> dict[str, Any]:
    return {
        "url": "https://sandbox.slack.com/",
        "team": "Sandbox",
        "user": "callaudio",
        "team_id": workspace.team_id,
        "user_id": workspace.bot_user_id,
        "bot_id": workspace.bot_id,
        "is_enterprise_install": False,
    }


def _validate(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """Whether blocks, a message or a view would be taken (docs of the method)."""
    given = [name for name in ("blocks", "message", "view") if arguments.values.get(name)]
    if len(given) != 1:
        raise RefusalError("invalid_arguments")
    (name,) = given
    value = arguments.structure(name)
    if name == "view":
        is_home = isinstance(value, dict) and value.get("type") == "home"
        breach = workspace.check_view(value, "home" if is_home else "modal")
    else:
        body = value if name == "message" and isinstance(value, dict) else {"blocks": value}
        breach = check_message(body, unknown=workspace.unknown_blocks)
    if breach:
        errors = [{"code": "failed_constraint", "message": each} for each in breach.details]
        raise RefusalError(f"invalid_{name}", errors=errors)
    return {}


METHODS = {
    "apps.connections.open": Method(_open_connection, caller="app"),
    "auth.test": Method(_auth_test),
    "blocks.validate": Method(_validate),
}
