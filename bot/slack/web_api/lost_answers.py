"""What to make of a lost answer: it is an outage, or the message has arrived all the same."""

from collections.abc import Awaitable

from bot.errors import CallAudioError
from bot.slack.web_api.api import SlackApi
from bot.slack.web_api.errors import SlackAnswerLost


async def notify_once(api: SlackApi, notifying: Awaitable[object]) -> None:
    """Notify somebody; where the answer is lost it counts as told, if Slack is there.

    It has most likely shown the message then, and a second one would be one too many.

    Raises:
        CallAudioError: Slack refused, was not reached, or is away.
    """
    try:
        await notifying
    except SlackAnswerLost:
        if not await is_slack_there(api):
            raise


async def is_slack_there(api: SlackApi) -> bool:
    """Ask Slack something that changes nothing."""
    try:
        await api.write("auth.test")
    except CallAudioError:
        return False
    return True
