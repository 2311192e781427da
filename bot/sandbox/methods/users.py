"""``users.info`` and ``usergroups.users.list``."""

from typing import Any

from bot.sandbox.method import Arguments, Method, RefusalError
from bot.sandbox.objects import User
from bot.sandbox.workspace import Workspace


def _info(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    user = workspace.users.get(arguments.text("user"))
    if user is None:
        raise RefusalError("user_not_found")
    return {"user": user_body(workspace, user)}


def user_body(workspace: Workspace, user: User) -> dict[str, Any]:
    """Build the user object of ``users.info`` and the event ``user_change``."""
    body: dict[str, Any] = {
        "id": user.id,
        "team_id": user.team_id,
        "name": user.id.lower(),
        "deleted": user.deleted,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "profile": {"display_name": user.id.lower()},
    }
    if not user.deleted:  # Slack's object for a deactivated user has none of these flags
        body |= {
            "is_restricted": user.is_restricted,
            "is_ultra_restricted": user.is_ultra_restricted,
        }
    if user.is_stranger or user.team_id != workspace.team_id:
        body["is_stranger"] = user.is_stranger
    if user.tz is not None:
        body["tz"] = user.tz
    return {name: value for name, value in body.items() if name not in user.omit}


def _group_members(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    members = workspace.usergroups.get(arguments.text("usergroup"))
    if members is None:
        raise RefusalError("no_such_subteam")
    return {"users": list(members)}


METHODS = {
    "users.info": Method(_info, ("user",), ("users:read",)),
    "usergroups.users.list": Method(_group_members, ("usergroup",), ("usergroups:read",)),
}
