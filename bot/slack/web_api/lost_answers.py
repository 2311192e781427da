"""Interprets a lost answer: an outage, or a message that arrived nevertheless."""

from collections.abc import Awaitable

from bot.errors import CallAudioError
from bot.slack.web_api.api import SlackApi
from bot.slack.web_api.errors import SlackAnswerLost


async def notify_once(api: SlackApi, notifying: Awaitable[object]) -> None:
    """Notify a person; a lost answer counts as success if Slack is reachable.

    Slack has then probably shown the message, and a second one would be a duplicate.

    Raises:
        CallAudioError: Slack refused, was not reached, or is away.
    """
    try:
        await notifying
    except SlackAnswerLost:
        if not await is_slack_there(api):
            raise


async def is_slack_there(api: SlackApi) -> bool:
    """Return whether Slack answers a call without effects."""
    try:
        await api.write("auth.test")
    except CallAudioError:
        return False
    return True
