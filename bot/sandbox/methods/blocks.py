"""``blocks.validate``: whether blocks, a message or a view would be taken (docs of that method)."""

from collections.abc import Callable
from typing import Any, Final

from bot.sandbox.content import Breach, check_message
from bot.sandbox.method import Arguments, Method, RefusalError
from bot.sandbox.workspace import Workspace


def _validate(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    given = [name for name in _JUDGES if arguments.values.get(name)]
    if len(given) != 1:
        raise RefusalError("invalid_arguments")
    (name,) = given
    breach = _JUDGES[name](workspace, arguments.structure(name))
    if breach:
        errors = [{"code": "failed_constraint", "message": each} for each in breach.details]
        raise RefusalError(f"invalid_{name}", errors=errors)
    return {}


def _of_blocks(workspace: Workspace, blocks: object) -> Breach | None:
    return check_message({"blocks": blocks}, unknown=workspace.unknown_blocks)


def _of_message(workspace: Workspace, message: object) -> Breach | None:
    body = message if isinstance(message, dict) else {"blocks": message}
    return check_message(body, unknown=workspace.unknown_blocks)


def _of_view(workspace: Workspace, view: object) -> Breach | None:
    is_home = isinstance(view, dict) and view.get("type") == "home"
    return workspace.check_view(view, "home" if is_home else "modal")


_JUDGES: Final[dict[str, Callable[[Workspace, object], Breach | None]]] = {
    "blocks": _of_blocks,
    "message": _of_message,
    "view": _of_view,
}

METHODS = {"blocks.validate": Method(_validate)}
