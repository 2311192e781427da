"""No request waits longer than Slack does; work that may already have an effect continues."""

import asyncio

import pytest
from structlog.testing import capture_logs

from bot.slack import ack_window
from bot.slack.ack_window import AnswerTooSlow, within_ack_window
from tests.polling import until


@pytest.fixture(autouse=True)
def short_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ack_window, "ANSWER_SECONDS", 0.05)


async def test_an_answer_in_time_is_returned():
    async def answer() -> str:
        return "stored"

    assert await within_ack_window(answer()) == "stored"


async def test_a_failure_in_time_is_raised():
    async def answer() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await within_ack_window(answer())


@pytest.mark.parametrize("error", [None, ZeroDivisionError()])
async def test_slow_work_is_reported_and_continues_and_its_end_is_logged(error):
    may_end, ended = asyncio.Event(), asyncio.Event()

    async def answer() -> None:
        await may_end.wait()
        ended.set()
        if error:
            raise error

    with pytest.raises(AnswerTooSlow) as told:
        await within_ack_window(answer(), fix="Look whether it is there.")
    assert told.value.fix == "Look whether it is there."
    assert "may still be done" in told.value.what

    with capture_logs() as logs:
        may_end.set()
        await until(lambda: [each["event"] for each in logs] == ["late_answer_ended"])
    assert ended.is_set()
    assert logs[0]["error"] == (type(error).__name__ if error else None)


async def test_a_cancelled_request_cancels_its_work():
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def answer() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    waiting = asyncio.create_task(within_ack_window(answer()))
    await began.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await cancelled.wait()
