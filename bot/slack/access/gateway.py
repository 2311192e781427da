"""What a request for access says in Slack, over the Web API (docs: chat.*, conversations.open)."""

from datetime import datetime

from bot.access_requests.request import AccessRequest
from bot.slack.access import cards
from bot.slack.blocks import Message
from bot.slack.web_api.api import SlackApi


class SlackAccessGateway:
    """Asks admins and tells requesters; posts are never repeated by themselves."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api

    async def open_dm(self, user_id: str) -> str:
        """Open the bot's direct messages with a person; gives the channel id."""
        answer = await self._api.read("conversations.open", users=user_id)
        return str(answer["channel"]["id"])

    async def ask(self, channel_id: str, request: AccessRequest, *, is_reminder: bool) -> str:
        """Put the request to admins; gives the message's ts."""
        return await self._post(channel_id, cards.question(request, is_reminder=is_reminder))

    async def show_outcome(self, channel_id: str, ts: str, request: AccessRequest) -> None:
        """Put the outcome in the place of the question."""
        message = cards.outcome(request)
        await self._api.read("chat.update", channel=channel_id, ts=ts, **message)

    async def notify(self, request: AccessRequest) -> None:
        """Tell the requester what became of the request."""
        await self._post(await self.open_dm(request.user_id), cards.answer(request))

    async def warn(self, request: AccessRequest, ends_at: datetime) -> None:
        """Tell the requester that the grant is about to end."""
        dm = await self.open_dm(request.user_id)
        await self._post(dm, cards.warning(request, ends_at))

    async def _post(self, channel_id: str, message: Message) -> str:
        answer = await self._api.write(
            "chat.postMessage",
            channel=channel_id,
            unfurl_links=False,
            unfurl_media=False,
            **message,
        )
        return str(answer["ts"])
