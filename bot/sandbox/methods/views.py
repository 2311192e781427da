"""``views.*``: modals opened with a trigger id, and App Homes."""

from collections.abc import Mapping
from typing import Any, Literal

from bot.sandbox.method import Arguments, Method, RefusalError, refuse
from bot.sandbox.objects import View
from bot.sandbox.passes import PassError
from bot.sandbox.workspace import Workspace

_TRIGGER_ERRORS = {
    "unknown": "invalid_trigger_id",
    "expired": "expired_trigger_id",
    "used": "exchanged_trigger_id",
}


def _view_body(
    workspace: Workspace, arguments: Arguments, kind: Literal["modal", "home"]
) -> dict[str, Any]:
    body = arguments.structure("view")
    refuse(workspace.check_view(body, kind))
    assert isinstance(body, dict)  # noqa: S101 - checked just now
    return body


def _answer(view: View) -> dict[str, Any]:
    return {"view": {**view.body, "id": view.id, "hash": view.hash}}


def _keep(workspace: Workspace, view_id: str, user: str, body: dict[str, Any]) -> View:
    return View(view_id, user, body, hash=workspace.next_ts())


def _open(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    body = _view_body(workspace, arguments, "modal")
    return _shown(workspace, body, _redeemed(workspace, arguments))


def _push(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    body = _view_body(workspace, arguments, "modal")
    about = _redeemed(workspace, arguments)
    if about["modal"] not in workspace.views:
        raise RefusalError("invalid_arguments")  # no modal is open
    return _shown(workspace, body, about)


def _redeemed(workspace: Workspace, arguments: Arguments) -> Mapping[str, str]:
    try:
        return workspace.passes.redeem("trigger", arguments.text("trigger_id"))
    except PassError as error:
        raise RefusalError(_TRIGGER_ERRORS[error.reason]) from None


def _shown(workspace: Workspace, body: dict[str, Any], about: Mapping[str, str]) -> dict[str, Any]:
    view = _keep(workspace, workspace.next_id("V"), about["user"], body)
    workspace.views[view.id] = view
    return _answer(view)


def _update(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    body = _view_body(workspace, arguments, "modal")
    current = workspace.views.get(arguments.text("view_id"))
    if current is None:
        raise RefusalError("not_found")
    _check_hash(current, arguments)
    view = _keep(workspace, current.id, current.user, body)
    workspace.views[view.id] = view
    return _answer(view)


def _publish(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    body = _view_body(workspace, arguments, "home")
    user = arguments.text("user_id")
    if user not in workspace.users:
        raise RefusalError("invalid_arguments")
    current = workspace.homes.get(user)
    _check_hash(current, arguments)
    view = _keep(workspace, current.id if current else workspace.next_id("V"), user, body)
    workspace.homes[user] = view
    return _answer(view)


def _check_hash(current: View | None, arguments: Arguments) -> None:
    expected = arguments.text("hash")
    if expected and (current is None or expected != current.hash):
        raise RefusalError("hash_conflict")


METHODS = {
    "views.open": Method(_open, ("trigger_id", "view")),
    "views.push": Method(_push, ("trigger_id", "view")),
    "views.update": Method(_update, ("view",)),
    "views.publish": Method(_publish, ("user_id", "view")),
}
