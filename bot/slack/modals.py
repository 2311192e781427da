"""Modals that show something slow: opened at once, filled in when it is known."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.slack.ack_window import within_ack_window
from bot.slack.blocks import View, context, modal, notice
from bot.slack.error_answers import ErrorAnswers
from bot.slack.web_api.api import SlackApi
from bot.slack.web_api.errors import ModalClosed

log = get_logger(__name__)

Fill = Callable[[], Awaitable[View]]

FILL_SECONDS: Final = 30.0
MAX_FILLING: Final = 64
LONGEST_WAIT_SECONDS: Final = 60.0
WAITING: Final = "One moment … If nothing appears within a minute, close this and try again."


class TooManyModals(CallAudioError):
    """More people wait for a modal than are served at a time."""

    code = "too_many_modals"
    what = "Too many people are opening this form at the moment."
    likely_cause = "PolyAI or Slack is slow, so other people are still waiting."
    fix = "Try again in a minute."


class FillTooSlow(CallAudioError):
    """What a modal was to show did not come."""

    code = "fill_too_slow"
    what = "That took too long."
    likely_cause = "Slack or PolyAI is slow at the moment."
    fix = "Close this and try again."


class Modals:
    """Opens modals within the three seconds of their trigger, and fills them in afterwards.

    What is filled in is only looked at: nothing is lost when the bot ends meanwhile, and the person
    opens the modal once more, as it says. What Slack does not take is tried again, and then told.
    """

    def __init__(
        self,
        api: SlackApi,
        answers: ErrorAnswers,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._api = api
        self._answers = answers
        self._sleep = sleep
        self._filling: dict[str, asyncio.Task[None]] = {}

    async def open(self, trigger_id: str, title: str, fill: Fill) -> None:
        """Show that something is coming, then what ``fill`` gives, or why it does not come.

        Raises:
            TooManyModals: nothing was opened.
            CallAudioError: Slack did not open it.
        """
        self._check_room()
        waiting = modal(title, [context(WAITING)])
        opening = self._api.write("views.open", trigger_id=trigger_id, view=waiting)
        opened = await within_ack_window(opening)
        self._start(str(opened["view"]["id"]), fill)

    def refill(self, view_id: str, fill: Fill) -> None:
        """Put what ``fill`` gives into a modal that is open already; the newest fill counts.

        Raises:
            TooManyModals: the modal stays as it is.
        """
        self.leave(view_id)  # or the earlier might come last and show what nobody asked for last
        self._check_room()
        self._start(view_id, fill)

    def leave(self, view_id: str) -> None:
        """Fill that modal in no more: it was sent, and shows something else now."""
        filling = self._filling.pop(view_id, None)
        if filling:
            filling.cancel()

    async def close(self) -> None:
        """Stop what is still being filled in."""
        filling = list(self._filling.values())
        for task in filling:
            task.cancel()
        await asyncio.gather(*filling, return_exceptions=True)

    def _check_room(self) -> None:
        if len(self._filling) >= MAX_FILLING:
            raise TooManyModals

    def _start(self, view_id: str, fill: Fill) -> None:
        task = asyncio.create_task(self._fill(view_id, fill))
        self._filling[view_id] = task  # a task that nobody holds may be collected while it runs
        task.add_done_callback(lambda done: self._forget(view_id, done))

    def _forget(self, view_id: str, task: asyncio.Task[None]) -> None:
        if self._filling.get(view_id) is task:
            del self._filling[view_id]

    async def _fill(self, view_id: str, fill: Fill) -> None:
        try:
            async with asyncio.timeout(FILL_SECONDS):
                view = await fill()
        except TimeoutError:
            view = notice(self._answers.words_for(FillTooSlow()))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is said in the modal
            view = notice(self._answers.words_for(error))
        try:
            await self._show(view_id, view)
        except ModalClosed:
            log.info("modal_closed")  # nobody waits for it
        except CallAudioError as error:
            await self._show_why_not(view_id, error)

    async def _show(self, view_id: str, view: View) -> None:
        # The same view shown twice is shown once, so a lost answer is no reason to stop.
        await self._api.read("views.update", view_id=view_id, view=view)

    async def _show_why_not(self, view_id: str, error: CallAudioError) -> None:
        """Say what went wrong instead: a plainer view may be taken, and a later one, too."""
        await self._sleep(min(error.retry_after_seconds or 0.0, LONGEST_WAIT_SECONDS))
        try:
            await self._show(view_id, notice(self._answers.words_for(error)))
        except CallAudioError as still:
            log.warning("modal_not_filled", code=still.code)
