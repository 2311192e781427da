"""App Home over the Web API (docs: views.publish)."""

from bot.home.reading import Home
from bot.slack.home.view import home as drawn
from bot.slack.web_api.api import SlackApi
from bot.slack.web_api.identity import Identity


class SlackHomeGateway:
    """Publishes people's Homes."""

    def __init__(self, api: SlackApi, identity: Identity) -> None:
        self._api = api
        self._identity = identity

    async def publish(self, home: Home, view_hash: str | None) -> str:
        """Publish a Home, replacing the one of that hash; returns the new hash.

        Raises:
            HomeConflict: Slack has a Home of another hash.
            CallAudioError: Slack refused.
        """
        workspace = await self._identity.read()
        answer = await self._api.call_once(
            "views.publish",
            user_id=home.user_id,
            view=drawn(home, workspace.workspace_url),
            hash=view_hash,
        )
        return str(answer["view"]["hash"])
