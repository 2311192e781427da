"""Actions of people on the page, sent to the bot as Slack sends them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bot.sandbox.objects import View
from bot.sandbox.page.scene import Form, Viewpoint
from bot.sandbox.person import SlackPerson
from bot.sandbox.render.elements import field_name
from bot.sandbox.workspace import Workspace

_MENTIONED = re.compile(r"<@(\w+)\|")
_MENTION = re.compile(r"([@#])([\w-]+)")


class Acting:
    """The people of one page, their closed modals, and errors in their open ones."""

    def __init__(
        self, workspace: Workspace, people: SlackPerson, names: Callable[[], Mapping[str, str]]
    ) -> None:
        self._workspace = workspace
        self._names = names
        self._people = people
        self._closed: set[str] = set()
        self.errors: dict[str, dict[str, str]] = {}
        """The app's errors about the input of modals, by view and block."""

    def modal(self, user_id: str) -> View | None:
        """Return a person's open modal."""
        views = self._workspace.views.values()
        open_ = [v for v in views if v.user == user_id and v.id not in self._closed]
        return open_[-1] if open_ else None

    async def close(self, _place: Viewpoint, form: Form) -> None:
        """Close a modal without submitting it."""
        self._closed.add(form["view"][0])

    async def write(self, place: Viewpoint, form: Form) -> None:
        """Send the text of the composer: a slash command or a message."""
        user_id, channel_id = place.user_id, place.channel_id
        text = form.get("text", [""])[0].strip()
        command, _, rest = mentioning(text, self._names()).partition(" ")
        if command in ("/callaudio", "/callaudio-admin"):
            await self._people.command(user_id, channel_id, rest.strip(), command=command)
        elif command in ("/invite", "/remove"):
            for found in _MENTIONED.finditer(rest):
                await self._let(channel_id, found[1], joins=command == "/invite")
        elif text:
            self._workspace.say(channel_id, user_id, text)

    async def _let(self, channel_id: str, user_id: str, *, joins: bool) -> None:
        """Add or remove a person, as Slack's own commands do."""
        if not joins:
            self._workspace.leave(channel_id, user_id)
            return
        self._workspace.join(channel_id, user_id)
        joined = {"type": "member_joined_channel", "channel": channel_id, "user": user_id}
        await self._people.event(joined)

    async def press(self, place: Viewpoint, form: Form) -> None:
        """Press a button, or choose from a menu, on a message or in a view."""
        user_id, channel_id = place.user_id, place.channel_id
        view_id, ts = form.get("view", [""])[0], form.get("ts", [""])[0]
        if "pressed" in form:
            action = {"type": "button", **json.loads(form["pressed"][0])}
        else:
            action = json.loads(form["chosen"][0])
        if view_id:
            view = self._workspace.view(view_id)
            if action["type"] == "button":
                await self._people.block_action(
                    user_id, None, "", action["action_id"], action["value"], view_id=view_id
                )
            else:
                values = state_of(view, form)
                selected = next(
                    v[action["action_id"]] for v in values.values() if action["action_id"] in v
                )
                await self._people.choose(user_id, view_id, {**selected, **action}, values)
        elif action["type"] == "button":
            is_private = form.get("private", [""])[0] == "1"
            await self._people.block_action(
                user_id, channel_id, ts, action["action_id"], action["value"], ephemeral=is_private
            )
        else:
            chosen = next(v[0] for k, v in form.items() if k.endswith(f" {action['action_id']}"))
            await self._people.choose_on_message(
                user_id, channel_id, ts, action["action_id"], chosen
            )

    async def submit(self, place: Viewpoint, form: Form) -> None:
        """Submit a modal; it closes unless the app answers otherwise."""
        (view_id,) = form["view"]
        values = state_of(self._workspace.views[view_id], form)
        ack = await self._people.view_submission(place.user_id, view_id, values)
        kind = ack.body.get("response_action")
        self.errors.pop(view_id, None)
        if kind == "errors":
            self.errors[view_id] = ack.body["errors"]
        elif kind != "update":
            self._closed.add(view_id)

    async def shortcut(self, place: Viewpoint, form: Form) -> None:
        """Use *Get call audio* on a message, or without one *Find call audio*."""
        ts = form.get("ts", [""])[0]
        if ts:
            await self._people.message_shortcut(place.user_id, place.channel_id, ts)
        else:
            await self._people.global_shortcut(place.user_id)


def mentioning(text: str, names: Mapping[str, str]) -> str:
    """Convert ``@name`` and ``#name`` to Slack's mentions; unknown ones are unchanged."""
    ids = {name.lower(): key for key, name in names.items()}

    def mention(found: re.Match[str]) -> str:
        sign, name = found.groups()
        key = ids.get(name.lower())
        return f"<{sign}{key}|{name}>" if key else found[0]

    return _MENTION.sub(mention, text)


def state_of(view: View, form: Form) -> dict[str, dict[str, Any]]:
    """Return the input of a view's fields, in the form of ``view.state.values``."""
    values: dict[str, dict[str, Any]] = {}
    for block_id, element in _fields(view):
        sent = form.get(field_name(block_id, element["action_id"]), [])
        values.setdefault(block_id, {})[element["action_id"]] = _value(element, sent)
    return values


def _fields(view: View) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for block in view.body["blocks"]:
        held = [block.get("element"), block.get("accessory"), *block.get("elements", ())]
        for element in held:
            is_field = isinstance(element, Mapping) and element.get("type") != "button"
            if is_field and "action_id" in element:
                yield block.get("block_id", ""), element


def _value(element: Mapping[str, Any], sent: list[str]) -> dict[str, Any]:
    kind = element["type"]
    first = sent[0] if sent and sent[0] else None
    options = [each for each in element.get("options", ()) if each["value"] in sent]
    match kind:
        case "checkboxes":
            selection: dict[str, Any] = {"selected_options": options}
        case "static_select" | "radio_buttons":
            selection = {"selected_option": options[0] if options else None}
        case "datepicker" | "timepicker":
            selection = {f"selected_{kind.removesuffix('picker')}": first}
        case "conversations_select" | "channels_select" | "users_select":
            selection = {f"selected_{kind.removesuffix('s_select')}": first}
        case _:
            selection = {"value": first}
    return {"type": kind, **selection}
