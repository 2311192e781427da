"""Accepts requests and events only from the bot's own workspace."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.response import BoltResponse

from bot.observability.logs import get_logger
from bot.recordings.requests.authorization import WorkspaceMembership
from bot.slack.payloads import actor_of, actor_of_command

log = get_logger(__name__)

Next = Callable[[], Awaitable[object]]


class OwnWorkspace:
    """Runs before every listener, over HTTP and Socket Mode."""

    def __init__(self, membership: WorkspaceMembership) -> None:
        self._membership = membership

    async def check(
        self, body: Mapping[str, Any], context: AsyncBoltContext, next_: Next
    ) -> BoltResponse | None:
        """Refuse people of other workspaces, and drop events that are not for the bot.

        Raises:
            Outsider: the person belongs to another workspace; audited.
        """
        bot = context.authorize_result
        if body.get("type") == "event_callback":
            if bot is None or not is_for(bot, body):
                log.info("event_of_another_workspace")
                return BoltResponse(status=200, body="")
            context["team_id"] = bot.team_id
        elif "command" in body:
            name, channel = str(body["command"]), str(body["channel_id"])
            await self._membership.require_member(actor_of_command(body), name, channel)
        elif "user" in body:
            pressed_in = (body.get("channel") or {}).get("id")
            await self._membership.require_member(actor_of(body), _name_of(body), pressed_in)
        await next_()
        return None


def is_for(bot: AuthorizeResult, body: Mapping[str, Any]) -> bool:
    """Return whether an event is for this installation.

    Its outer ``team_id`` is the workspace where it happened. In a channel shared within an
    organisation that may be another one (docs: "The Events API", `authorizations`).
    """
    installations = body.get("authorizations") or [{"team_id": body.get("team_id")}]
    return any(_is(bot, each) for each in installations)


def _is(bot: AuthorizeResult, installation: Mapping[str, Any]) -> bool:
    team_id, enterprise_id = installation.get("team_id"), installation.get("enterprise_id")
    if team_id is None:  # installed by a whole organisation
        return enterprise_id is not None and enterprise_id == bot.enterprise_id
    return bool(team_id == bot.team_id)


def _name_of(body: Mapping[str, Any]) -> str:
    """Return our name of the button or form that was used."""
    view = body.get("view") or {}
    for each in [*(body.get("actions") or []), body, view]:
        name = each.get("action_id") or each.get("callback_id")
        if name:
            return str(name)
    return str(body.get("type"))
