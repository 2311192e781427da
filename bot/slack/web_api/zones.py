"""People's time zones (docs: users.info, ``tz``)."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.slack.web_api.api import SlackApi

log = get_logger(__name__)


class Zones:
    """Looks up people's time zones."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api

    async def zone_of(self, user_id: str) -> ZoneInfo:
        """Read a person's zone; UTC if Slack returns none, or an unknown one."""
        try:
            user = (await self._api.call_with_retries("users.info", user=user_id)).get("user")
        except CallAudioError as error:
            log.info("zone_unknown", code=error.code)
            user = None
        return zone_named(user.get("tz") if isinstance(user, dict) else None)


def zone_named(name: object) -> ZoneInfo:
    """Find a zone by its IANA name; UTC if there is none."""
    try:
        return ZoneInfo(name if isinstance(name, str) else "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
