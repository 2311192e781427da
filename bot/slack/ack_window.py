"""The time limit of an answer: after three seconds Slack shows an error to the person."""

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from bot.errors import CallAudioError
from bot.observability.logs import get_logger

T = TypeVar("T")
log = get_logger(__name__)

ANSWER_SECONDS: Final = 2.5
_late: Final[set[asyncio.Future[Any]]] = set()
"""Late answers that are still running; the event loop itself keeps no reference to a task."""


class AnswerTooSlow(CallAudioError):
    """The work was not finished in time; it may still succeed."""

    code = "answer_too_slow"
    what = "That took longer than Slack waits for an answer. It may still be done."
    likely_cause = "Slack or the database is slow at the moment."
    fix = "Wait a minute; if nothing happens, try again."


async def within_ack_window(answer: Awaitable[T], *, fix: str | None = None) -> T:
    """Await an answer that is part of the ack, or whose work is stored before the ack.

    Late work is not cancelled: a hanging database may commit a cancelled transaction. ``fix``
    says how to check whether the work was done.

    Raises:
        AnswerTooSlow: the time limit passed.
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
