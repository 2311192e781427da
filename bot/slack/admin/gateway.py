"""Posts to admins in their direct messages (docs: chat.postMessage)."""

from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.recordings.redaction.canary_store import CanaryState
from bot.recordings.redaction.check_store import Check
from bot.slack.admin import replies
from bot.slack.web_api.api import SlackApi
from bot.slack.web_api.messages import notify_in_dm

log = get_logger(__name__)


class AdminGateway:
    """Posts to admins; posts are never retried."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api

    async def notify_checked(self, check: Check) -> None:
        """Notify an admin of the outcome of a check.

        Raises:
            CallAudioError: a later try may succeed.
        """
        try:
            await notify_in_dm(self._api, check.asked_by, {"text": replies.checked(check)})
        except CallAudioError as error:
            if error.retryable:
                raise
            log.warning("admin_not_notified", code=error.code)

    async def warn_of_freeze(self, user_id: str, state: CanaryState) -> bool:
        """Notify an admin that deliveries are frozen; returns whether Slack accepted it."""
        try:
            await notify_in_dm(self._api, user_id, {"text": replies.frozen(state)})
        except CallAudioError as error:
            log.warning("admin_not_notified", code=error.code)
            return False
        return True
