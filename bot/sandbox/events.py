"""Events that Slack sends to the app when something changes in the workspace."""

import time
import uuid
from collections.abc import Mapping
from typing import Any

from bot.sandbox.delivery import Ack, EventDelivery
from bot.sandbox.methods.users import user_body
from bot.sandbox.workspace import Workspace


class AppEvents:
    """The events of one workspace, over one way of delivery."""

    def __init__(self, workspace: Workspace, delivery: EventDelivery) -> None:
        self.workspace = workspace
        self._delivery = delivery

    async def event(self, payload: Mapping[str, Any], **outer: object) -> Ack:
        """Send an event that the app subscribed to; ``payload`` is the inner event.

        ``outer`` replaces fields of the envelope, such as ``team_id`` and ``authorizations``.
        """
        return await self._delivery.send(
            "events_api",
            {
                "token": "dead",
                "team_id": self.workspace.team_id,
                "api_app_id": self.workspace.app_id,
                "event": dict(payload),
                "type": "event_callback",
                "event_id": f"Ev{uuid.uuid4().hex[:10].upper()}",
                "event_time": int(time.time()),
                "is_ext_shared_channel": False,
                "authorizations": [
                    {
                        "enterprise_id": None,
                        "team_id": self.workspace.team_id,
                        "user_id": self.workspace.bot_user_id,
                        "is_bot": True,
                        "is_enterprise_install": False,
                    }
                ],
                **outer,
            },
        )

    async def remove_app(self) -> None:
        """Remove the app: `tokens_revoked` and `app_uninstalled` (docs: `app_uninstalled`)."""
        self.workspace.has_app = False
        tokens = {"oauth": [], "bot": [self.workspace.bot_user_id]}
        await self.event({"type": "tokens_revoked", "tokens": tokens}, authorizations=[])
        await self.event({"type": "app_uninstalled"}, authorizations=[])

    async def forward_file(
        self, user_id: str, file_id: str, channel_id: str, *, sends_event: bool = True
    ) -> None:
        """Forward an existing file to another conversation (docs: `file_shared`)."""
        self.workspace.forward(file_id, user_id, channel_id)
        if sends_event:
            await self._file_event("file_shared", file_id, user_id=user_id, channel_id=channel_id)

    async def publish_file(self, user_id: str, file_id: str, *, sends_event: bool = True) -> None:
        """Make a public link to a file (docs: `file_public`)."""
        self.workspace.publish_link(file_id, user_id)
        if sends_event:
            await self._file_event("file_public", file_id)

    async def _file_event(self, kind: str, file_id: str, **about: str) -> Ack:
        event_ts = self.workspace.next_ts()
        file = {"id": file_id}
        return await self.event(
            {"type": kind, "file_id": file_id, "file": file, "event_ts": event_ts, **about}
        )

    async def change_user(
        self,
        user_id: str,
        **changes: Any,  # noqa: ANN401 - dataclasses.replace checks the names
    ) -> Ack:
        """Change fields of ``User``, e.g. ``deleted=True``, and send the event.

        ``Workspace.change_user`` does the same without the event, as if it were lost.
        """
        user = self.workspace.change_user(user_id, **changes)
        return await self.event(
            {
                "type": "user_change",
                "user": user_body(self.workspace, user),
                "cache_ts": int(time.time()),
                "event_ts": self.workspace.next_ts(),
            }
        )

    async def home_opened(self, user_id: str) -> Ack:
        """Open the app's Home tab."""
        return await self.event(
            {
                "type": "app_home_opened",
                "user": user_id,
                "channel": f"D{user_id[1:]}".ljust(9, "0"),
                "tab": "home",
                "event_ts": self.workspace.next_ts(),
            }
        )
