"""The time an answer may take: Slack shows an error to the person after three seconds."""

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from bot.errors import CallAudioError

T = TypeVar("T")

ANSWER_SECONDS: Final = 2.5


class AnswerTooSlow(CallAudioError):
    """What was asked for needs more look-ups than the time allows."""

    code = "answer_too_slow"
    what = "That took longer than Slack waits for an answer."
    likely_cause = "Slack or the database answers slowly at the moment."
    fix = "Try again; `/callaudio-admin list` shows whether a change was made."


async def within_ack_window(answer: Awaitable[T]) -> T:
    """Await an answer that is given in the ack itself.

    Raises:
        AnswerTooSlow: it was not there in time.
    """
    try:
        return await asyncio.wait_for(answer, ANSWER_SECONDS)
    except TimeoutError:
        raise AnswerTooSlow from None
