"""The time an answer may take: Slack shows an error to the person after three seconds."""

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from bot.errors import CallAudioError
from bot.logs import get_logger

T = TypeVar("T")
log = get_logger(__name__)

ANSWER_SECONDS: Final = 2.5
_late: Final[set[asyncio.Future[Any]]] = set()
"""Answers that go on although nobody waits for them; the event loop itself keeps no task alive."""


class AnswerTooSlow(CallAudioError):
    """What was asked for was not done in time, and may be done yet."""

    code = "answer_too_slow"
    what = "That took longer than Slack waits for an answer. I may have noted it all the same."
    likely_cause = "Slack or the database answers slowly at the moment."
    fix = "Wait a minute and see whether it comes; try again if it does not."


async def within_ack_window(answer: Awaitable[T], *, fix: str | None = None) -> T:
    """Await an answer that is given in the ack itself, or whose work is stored before the ack.

    What is not done in time goes on: a database that hangs does not let go of a transaction that is
    cancelled, and may commit it. ``fix`` says how to see whether it was done.

    Raises:
        AnswerTooSlow: it was not there in time.
    """
    work = asyncio.ensure_future(answer)
    try:
        await asyncio.wait({work}, timeout=ANSWER_SECONDS)
    except asyncio.CancelledError:
        work.cancel()
        raise
    if work.done():
        return work.result()
    _late.add(work)
    work.add_done_callback(_note_late)
    raise AnswerTooSlow(fix=fix)


def _note_late(work: asyncio.Future[Any]) -> None:
    _late.discard(work)
    error = None if work.cancelled() else work.exception()
    log.warning("late_answer_ended", error=type(error).__name__ if error else None)
