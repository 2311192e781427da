"""Finding a call: reads the payload, calls one use case, and renders."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.access.administration import Actor
from bot.errors import UsageError
from bot.recordings.lookups.call_finder import CallFinder
from bot.recordings.references.agents import DEFAULT_AGENT
from bot.recordings.references.reference import Reference
from bot.recordings.requests.delivery_requests import DeliveryRequests, Surface
from bot.slack.ack_window import within_ack_window
from bot.slack.blocks import View, notice
from bot.slack.finder import view as views
from bot.slack.finder.search import Search
from bot.slack.identifiers import FIND_CALL_SHORTCUT, Action, Input, ModalCallback
from bot.slack.modals import Modals
from bot.slack.payloads import actor_of, chosen, direction_of, field_of, requester_of_submission
from bot.slack.web_api.directory import SlackDirectory, zone_named


class NothingChosen(UsageError):
    """The form was submitted without a call or a conversation."""

    code = "nothing_chosen"
    what = "No call or no conversation was chosen."
    fix = "Choose both, and send again."


class FinderListeners:
    """The shortcut and the button that open the modal, and the actions in it."""

    def __init__(
        self,
        finding: CallFinder,
        requests: DeliveryRequests,
        modals: Modals,
        directory: SlackDirectory,
    ) -> None:
        self._finding = finding
        self._requests = requests
        self._modals = modals
        self._directory = directory

    def register(self, app: AsyncApp) -> None:
        """Register every listener with Bolt."""
        app.global_shortcut(FIND_CALL_SHORTCUT)(self.shortcut)
        app.action(Action.FIND_CALL.value)(self.button)
        app.action(Action.FIND_AGENT.value)(self.choose_agent)
        app.action(Action.FIND_DAY.value)(self.choose_day)
        app.action(Action.FIND_ANY_DAY.value)(self.forget_day)
        app.action(Action.FIND_HANDOFF.value)(self.choose_handoff)
        app.action(Action.FIND_OLDER.value)(self.go_older)
        app.action(Action.FIND_NEWER.value)(self.go_newer)
        app.view(ModalCallback.FIND_CALL.value)(self.send)

    async def shortcut(self, ack: AsyncAck, body: Mapping[str, Any]) -> None:
        """*Find a call*, from anywhere in Slack."""
        await self._open(body, DEFAULT_AGENT)
        await ack()

    async def button(
        self, ack: AsyncAck, body: Mapping[str, Any], action: Mapping[str, Any]
    ) -> None:
        """*Find a call* as a button, which may name an agent."""
        await self._open(body, str(action.get("value") or DEFAULT_AGENT))
        await ack()

    async def choose_agent(
        self, ack: AsyncAck, body: Mapping[str, Any], action: Mapping[str, Any]
    ) -> None:
        """Another agent: its newest calls."""
        await self._search(ack, body, agent_name=chosen(action))

    async def choose_day(
        self, ack: AsyncAck, body: Mapping[str, Any], action: Mapping[str, Any]
    ) -> None:
        """One day, in the person's own time zone."""
        day = action.get("selected_date")
        await self._search(ack, body, day=date.fromisoformat(day) if day else None)

    async def forget_day(self, ack: AsyncAck, body: Mapping[str, Any]) -> None:
        """Any day again: Slack's date picker cannot be emptied."""
        await self._search(ack, body, day=None)

    async def choose_handoff(
        self, ack: AsyncAck, body: Mapping[str, Any], action: Mapping[str, Any]
    ) -> None:
        """Only calls that were, or were not, handed over."""
        handoff = {"yes": True, "no": False}.get(chosen(action))
        await self._search(ack, body, handoff=handoff)

    async def go_older(self, ack: AsyncAck, body: Mapping[str, Any]) -> None:
        """*Older*: the next screen."""
        self._refill(body, _search_of(body["view"]).going_older())
        await ack()

    async def go_newer(self, ack: AsyncAck, body: Mapping[str, Any]) -> None:
        """*Newer*: the screen before."""
        self._refill(body, _search_of(body["view"]).going_newer())
        await ack()

    async def send(self, ack: AsyncAck, body: Mapping[str, Any], view: Mapping[str, Any]) -> None:
        """*Send recording*: the request is stored before the modal confirms it."""
        conversation_id = _conversation_id_of(view)
        channel_id = str(field_of(view, Input.DESTINATION).get("selected_conversation") or "")
        if not conversation_id or not channel_id:
            raise NothingChosen
        self._modals.leave(str(view["id"]))
        agent_name, direction = _search_of(view).agent_name, direction_of(view)
        redacted = bool(field_of(view, Input.REDACTED).get("selected_options"))
        choices = (agent_name, conversation_id, channel_id, direction, redacted)
        stored = await within_ack_window(
            self._requests.recording(
                requester_of_submission(body, view, channel_id, *choices),
                Reference(conversation_id, agent_name=agent_name),
                channel_id=channel_id,
                direction=direction,
                redacted=redacted,
                surface=Surface.MODAL,
            )
        )
        text = views.accepted(stored, conversation_id, channel_id)
        await ack(response_action="update", view=notice(text))

    async def _open(self, body: Mapping[str, Any], agent_name: str) -> None:
        search = Search.begin(agent_name, self._finding.clock())
        actor = actor_of(body)
        await self._modals.open(
            str(body["trigger_id"]), views.TITLE, lambda: self._filled(actor, search)
        )

    async def _search(self, ack: AsyncAck, body: Mapping[str, Any], **changes: Any) -> None:  # noqa: ANN401 - fields of a search
        """Start another search, at the newest call."""
        search = _search_of(body["view"]).again(self._finding.clock(), **changes)
        self._refill(body, search)
        await ack()

    def _refill(self, body: Mapping[str, Any], search: Search) -> None:
        actor = actor_of(body)
        self._modals.refill(str(body["view"]["id"]), lambda: self._filled(actor, search))

    async def _filled(self, actor: Actor, search: Search) -> View:
        # Kept once known, because a cursor is valid only with the same limits of the day.
        known = search.zone is not None
        zone = zone_named(search.zone) if known else await self._directory.zone_of(actor.user_id)
        screen = await self._finding.screen(
            actor, search.agent_name, search.wanted(zone), search.places[-1]
        )
        shown = replace(search, older=screen.older, zone=zone.key)
        return views.finder(shown, screen, zone, self._finding.agent_names)


def _conversation_id_of(view: Mapping[str, Any]) -> str:
    """Read the chosen call; empty if there is none. Its block has a new id for each screen."""
    values = (view.get("state") or {}).get("values") or {}
    calls = [block[Input.CALL] for block in values.values() if Input.CALL in block]
    return chosen(calls[0]) if calls else ""


def _search_of(view: Mapping[str, Any]) -> Search:
    return Search.of(str(view["private_metadata"]))
