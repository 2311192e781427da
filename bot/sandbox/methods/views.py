"""``views.*``: modals opened with a trigger id, and App Homes."""

from collections.abc import Mapping
from typing import Any

from bot.sandbox.method import Arguments, Method, RefusalError, checked_blocks
from bot.sandbox.objects import View
from bot.sandbox.passes import PassExpiredError, PassUnknownError, PassUsedError
from bot.sandbox.workspace import Workspace

_TITLE = 24
_PRIVATE_METADATA = 3000
_VIEW_CHARACTERS = 250_000


def _view_body(arguments: Arguments, kind: str) -> dict[str, Any]:
    body = arguments.structure("view")
    if not isinstance(body, dict) or body.get("type") != kind:
        raise RefusalError("invalid_arguments")
    if len(str(body)) > _VIEW_CHARACTERS:
        raise RefusalError("view_too_large")
    if len(str(body.get("private_metadata", ""))) > _PRIVATE_METADATA:
        raise RefusalError("invalid_arguments")
    if kind == "modal":
        _check_titles(body)
    checked_blocks(body.get("blocks"), "modal" if kind == "modal" else "home")
    return body


def _check_titles(body: dict[str, Any]) -> None:
    needs_submit = any(block.get("type") == "input" for block in body.get("blocks") or [])
    if not body.get("title") or (needs_submit and not body.get("submit")):
        raise RefusalError("invalid_arguments")
    for name in ("title", "submit", "close"):
        text = body.get(name)
        if text is None:
            continue
        if text.get("type") != "plain_text" or not 1 <= len(text.get("text", "")) <= _TITLE:
            raise RefusalError("invalid_arguments")


def _answer(view: View) -> dict[str, Any]:
    return {"view": {**view.body, "id": view.id, "hash": view.hash}}


def _keep(workspace: Workspace, view_id: str, user: str, body: dict[str, Any]) -> View:
    return View(view_id, user, body, hash=workspace.next_ts())


def _check_slack_files(workspace: Workspace, body: dict[str, Any]) -> None:
    """Refuse images that are no processed picture in the workspace (docs: "Slack file object")."""
    for at, block in enumerate(body.get("blocks") or []):
        file_id = (block.get("slack_file") or {}).get("id")
        if file_id is None:
            continue
        file = workspace.file_table.get(file_id)
        shown = file and file.completed_times and file.visible_at <= workspace.clock()
        if not shown or not file or file.deleted or not file.is_picture:
            message = f"[ERROR] invalid slack file [json-pointer:/blocks/{at}/slack_file]"
            raise RefusalError("invalid_blocks", response_metadata={"messages": [message]})


def _open(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    body = _view_body(arguments, "modal")
    _check_slack_files(workspace, body)
    return _shown(workspace, body, _redeemed(workspace, arguments))


def _push(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    body = _view_body(arguments, "modal")
    _check_slack_files(workspace, body)
    about = _redeemed(workspace, arguments)
    if about["modal"] not in workspace.views:
        raise RefusalError("invalid_arguments")  # there is nothing to put it on
    return _shown(workspace, body, about)


def _redeemed(workspace: Workspace, arguments: Arguments) -> Mapping[str, str]:
    try:
        return workspace.passes.redeem("trigger", arguments.text("trigger_id"))
    except PassExpiredError:
        raise RefusalError("expired_trigger_id") from None
    except PassUsedError:
        raise RefusalError("exchanged_trigger_id") from None
    except PassUnknownError:
        raise RefusalError("invalid_trigger_id") from None


def _shown(workspace: Workspace, body: dict[str, Any], about: Mapping[str, str]) -> dict[str, Any]:
    view = _keep(workspace, workspace.next_id("V"), about["user"], body)
    workspace.views[view.id] = view
    return _answer(view)


def _update(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    body = _view_body(arguments, "modal")
    _check_slack_files(workspace, body)
    current = workspace.views.get(arguments.text("view_id"))
    if current is None:
        raise RefusalError("not_found")
    _check_hash(current, arguments)
    view = _keep(workspace, current.id, current.user, body)
    workspace.views[view.id] = view
    return _answer(view)


def _publish(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    body = _view_body(arguments, "home")
    _check_slack_files(workspace, body)
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
