"""Posts the messages of access requests (docs: chat.*, conversations.open)."""

from datetime import datetime

from bot.access_requests.request import AccessRequest
from bot.slack.access import cards
from bot.slack.web_api.api import SlackApi
from bot.slack.web_api.messages import notify_in_dm, open_dm, post


class SlackAccessGateway:
    """Posts to admins and requesters; posts are never retried."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api

    async def open_dm(self, user_id: str) -> str:
        """Open the bot's direct messages with a person; returns the channel id."""
        return await open_dm(self._api, user_id)

    async def ask(self, channel_id: str, request: AccessRequest, *, is_reminder: bool) -> str:
        """Post the request to admins; returns the message's ts."""
        return await post(self._api, channel_id, cards.question(request, is_reminder=is_reminder))

    async def show_outcome(self, channel_id: str, ts: str, request: AccessRequest) -> None:
        """Replace the question by the outcome."""
        message = cards.outcome(request)
        await self._api.call_with_retries("chat.update", channel=channel_id, ts=ts, **message)

    async def notify(self, request: AccessRequest) -> None:
        """Notify the requester of the outcome."""
        await notify_in_dm(self._api, request.user_id, cards.answer(request))

    async def warn(self, request: AccessRequest, ends_at: datetime) -> None:
        """Notify the requester that the grant ends soon."""
        await notify_in_dm(self._api, request.user_id, cards.warning(request, ends_at))
