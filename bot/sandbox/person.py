"""Actions of people in Slack's client, sent to the app as Slack sends them."""

import time
from collections.abc import Mapping
from typing import Any

from bot.sandbox.delivery import Ack, SignedPosts, SocketEnvelopes
from bot.sandbox.events import AppEvents
from bot.sandbox.methods.chat import message_body
from bot.sandbox.objects import View
from bot.sandbox.slack_server import SlackSandbox
from bot.sandbox.workspace import Workspace


class SlackPerson(AppEvents):
    """The people of the workspace, over one way of delivery."""

    async def command(
        self,
        user_id: str,
        channel_id: str,
        text: str,
        *,
        command: str = "/callaudio",
        trigger_id: str | None = None,
        **overrides: str,
    ) -> Ack:
        """Type a slash command; the app's answer is shown to the person."""
        form = {
            "token": "dead",
            "team_id": self._team_of(user_id),
            "team_domain": "sandbox",
            "channel_id": channel_id,
            "channel_name": channel_id.lower(),
            "user_id": user_id,
            "user_name": user_id.lower(),
            "command": command,
            "text": text,
            "api_app_id": self.workspace.app_id,
            "is_enterprise_install": "false",
            "response_url": self.workspace.issue_response_url(user_id, channel_id),
            "trigger_id": trigger_id or self.workspace.issue_trigger(user_id),
            **overrides,
        }
        ack = await self._delivery.send("slash_commands", form)
        self._show(ack, channel_id, user_id)
        return ack

    async def message_shortcut(
        self, user_id: str, channel_id: str, message_ts: str, callback_id: str = "get_call_audio"
    ) -> Ack:
        """Use a shortcut on a message; ephemeral messages have no shortcuts."""
        found = [m for m in self.workspace.messages(channel_id) if m.ts == message_ts]
        if not found:
            raise ValueError("people see no such message")
        return await self._interact(
            "message_action",
            user_id,
            channel_id,
            callback_id=callback_id,
            message_ts=message_ts,
            message=message_body(self.workspace, found[0]),
        )

    async def global_shortcut(self, user_id: str, callback_id: str = "find_call_audio") -> Ack:
        """Use a global shortcut: no channel, no response URL."""
        return await self._interact("shortcut", user_id, None, callback_id=callback_id)

    async def block_action(
        self,
        user_id: str,
        channel_id: str | None,
        message_ts: str,
        action_id: str,
        value: str = "",
        *,
        ephemeral: bool = True,
        view_id: str | None = None,
        **element: object,
    ) -> Ack:
        """Press a button on a message, or in a modal or App Home when ``view_id`` is given.

        ``element`` describes an element other than a button, by ``type``, ``selected_date`` etc.
        """
        action: dict[str, Any] = {
            "type": "button",
            "action_id": action_id,
            "block_id": "block",
            "value": value,
            "text": {"type": "plain_text", "text": action_id},
            "action_ts": f"{time.time():.6f}",
            **element,
        }
        if action["type"] != "button":
            del action["value"]
        if view_id is not None:
            return await self._act_in_view(user_id, view_id, action, {})
        container = {
            "type": "message",
            "message_ts": message_ts,
            "channel_id": channel_id,
            "is_ephemeral": ephemeral,
        }
        shown = {} if ephemeral else {"message": {"type": "message", "ts": message_ts}}
        return await self._interact(
            "block_actions", user_id, channel_id, container=container, actions=[action], **shown
        )

    async def choose_on_message(
        self, user_id: str, channel_id: str, message_ts: str, action_id: str, value: str
    ) -> Ack:
        """Choose from a menu on a message that everybody sees."""
        chosen = {"text": {"type": "plain_text", "text": value}, "value": value}
        return await self.block_action(
            user_id,
            channel_id,
            message_ts,
            action_id,
            ephemeral=False,
            type="static_select",
            selected_option=chosen,
        )

    async def choose(
        self, user_id: str, view_id: str, action: Mapping[str, Any], values: Mapping[str, Any]
    ) -> Ack:
        """Choose in a modal's element that sends choices at once; ``values`` is the new input.

        ``action`` is the element's ``type``, ``action_id`` and selection.
        """
        acted = {"block_id": action["action_id"], "action_ts": f"{time.time():.6f}", **action}
        return await self._act_in_view(user_id, view_id, acted, values)

    async def _act_in_view(
        self, user_id: str, view_id: str, action: Mapping[str, Any], values: Mapping[str, Any]
    ) -> Ack:
        view = self._sent_view(self.workspace.view(view_id), values)
        is_modal = view_id in self.workspace.views
        return await self._interact(
            "block_actions",
            user_id,
            None,
            container={"type": "view", "view_id": view_id},
            actions=[dict(action)],
            view=view,
            trigger_id=self.workspace.issue_trigger(user_id, view_id if is_modal else ""),
        )

    def _sent_view(self, view: View, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **view.body,
            "id": view.id,
            "hash": view.hash,
            "team_id": self.workspace.team_id,
            "state": {"values": dict(values)},
        }

    async def view_submission(
        self, user_id: str, view_id: str, values: Mapping[str, Any], **view_fields: object
    ) -> Ack:
        """Submit the modal ``views.open`` opened; ``values`` as in ``view.state.values``."""
        opened = self.workspace.views[view_id]
        if not opened.body.get("submit"):
            raise ValueError("that modal has no button to send it with")
        view = {**self._sent_view(opened, values), **view_fields}
        ack = await self._interact("view_submission", user_id, None, view=view, response_urls=[])
        if ack.arrived:
            self._follow(opened, ack)
        return ack

    def _follow(self, opened: View, ack: Ack) -> None:
        """Change the modal as the app's answer says, if Slack would accept that answer."""
        action = ack.body.get("response_action")
        if action == "errors":
            self._check_errors(opened, ack.body.get("errors"))
        elif action == "update":
            view = ack.body.get("view")
            breach = self.workspace.check_view(view, "modal")
            if breach:
                self.workspace.note_breach("view_submission", breach)
            elif isinstance(view, dict):
                updated = View(opened.id, opened.user, view, hash=self.workspace.next_ts())
                self.workspace.views[opened.id] = updated
        elif action not in (None, "clear"):
            self.workspace.violations.append(f"view_submission: {action!r} is not followed here")

    def _check_errors(self, opened: View, errors: object) -> None:
        inputs = {b.get("block_id") for b in opened.body["blocks"] if b.get("type") == "input"}
        if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
            self.workspace.violations.append("view_submission: an error for no input")
        elif not all(isinstance(words, str) and words for words in errors.values()):
            self.workspace.violations.append("view_submission: an error without words")

    async def _interact(
        self, kind: str, user_id: str, channel_id: str | None, **extra: object
    ) -> Ack:
        payload: dict[str, Any] = {
            "type": kind,
            "token": "dead",
            "action_ts": f"{time.time():.6f}",
            "team": {"id": self.workspace.team_id, "domain": "sandbox"},
            "user": {
                "id": user_id,
                "username": user_id.lower(),
                "name": user_id.lower(),
                "team_id": self._team_of(user_id),
            },
            "api_app_id": self.workspace.app_id,
            "enterprise": None,
            "is_enterprise_install": False,
            "trigger_id": self.workspace.issue_trigger(user_id),
            **extra,
        }
        if channel_id is not None:
            payload["channel"] = {"id": channel_id, "name": channel_id.lower()}
            payload["response_url"] = self.workspace.issue_response_url(user_id, channel_id)
        ack = await self._delivery.send("interactive", payload)
        if channel_id is not None:
            self._show(ack, channel_id, user_id)
        return ack

    def _team_of(self, user_id: str) -> str:
        user = self.workspace.users.get(user_id)
        return user.team_id if user else self.workspace.team_id

    def _show(self, ack: Ack, channel_id: str, user_id: str) -> None:
        if ack.arrived and (ack.text or ack.blocks):
            self.workspace.show_answer(channel_id, user_id, ack.body)


class SlackClientSide(SlackPerson):
    """People whose actions reach the app as signed HTTP requests."""

    def __init__(
        self, workspace: Workspace, events_url: str, signing_secret: str | None = None
    ) -> None:
        secret = workspace.signing_secret if signing_secret is None else signing_secret
        super().__init__(workspace, SignedPosts(events_url, secret))


class SlackSocketSide(SlackPerson):
    """People whose actions reach the app over Socket Mode."""

    def __init__(self, slack: SlackSandbox) -> None:
        super().__init__(slack.workspace, SocketEnvelopes(slack.socket_mode))
