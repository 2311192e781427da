"""Modals with slow content: opened at once, filled in later."""

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
    """More modals are waiting for their content than the limit allows."""

    code = "too_many_modals"
    what = "Too many people are opening this form at the moment."
    likely_cause = "PolyAI or Slack is slow, so other people are still waiting."
    fix = "Try again in a minute."


class FillTooSlow(CallAudioError):
    """The content of a modal did not arrive in time."""

    code = "fill_too_slow"
    what = "That took too long."
    likely_cause = "Slack or PolyAI is slow at the moment."
    fix = "Close this and try again."


class Modals:
    """Opens modals within the three seconds of their trigger, and fills them in afterwards.

    The content is only displayed: if the bot stops meanwhile, nothing is lost, and the person opens
    the modal again. A failed update is retried; then the modal shows the failure.
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
        self._opening = 0

    async def open(self, trigger_id: str, title: str, fill: Fill) -> None:
        """Open a modal that asks to wait, then show the result of ``fill``, or its failure.

        Raises:
            TooManyModals: no modal was opened.
            CallAudioError: Slack did not open it.
        """
        self._check_room()
        waiting = modal(title, [context(WAITING)])
        opening = self._api.call_once("views.open", trigger_id=trigger_id, view=waiting)
        self._opening += 1
        try:
            opened = await within_ack_window(opening)
        finally:
            self._opening -= 1
        self._start(str(opened["view"]["id"]), fill)

    def refill(self, view_id: str, fill: Fill) -> None:
        """Show the result of ``fill`` in an open modal; the newest fill counts.

        Raises:
            TooManyModals: the modal is unchanged.
        """
        self.leave(view_id)  # otherwise an earlier fill could end last and show old content
        self._check_room()
        self._start(view_id, fill)

    def leave(self, view_id: str) -> None:
        """Stop filling that modal: it was submitted, and shows something else now."""
        filling = self._filling.pop(view_id, None)
        if filling:
            filling.cancel()

    async def close(self) -> None:
        """Cancel every fill in progress."""
        filling = list(self._filling.values())
        for task in filling:
            task.cancel()
        await asyncio.gather(*filling, return_exceptions=True)

    def _check_room(self) -> None:
        if len(self._filling) + self._opening >= MAX_FILLING:
            raise TooManyModals

    def _start(self, view_id: str, fill: Fill) -> None:
        task = asyncio.create_task(self._fill(view_id, fill))
        self._filling[view_id] = task  # an unreferenced task may be collected while it runs
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
        except Exception as error:  # noqa: BLE001 - every error is shown in the modal
            view = notice(self._answers.words_for(error))
        try:
            await self._show(view_id, view)
        except ModalClosed:
            log.info("modal_closed")  # the person closed it
        except CallAudioError as error:
            await self._show_why_not(view_id, error)

    async def _show(self, view_id: str, view: View) -> None:
        # Showing the same view twice has no effect, so an update is retried after a lost answer.
        await self._api.call_with_retries("views.update", view_id=view_id, view=view)

    async def _show_why_not(self, view_id: str, error: CallAudioError) -> None:
        """Show the failure instead: Slack may accept a plainer or a later view."""
        await self._sleep(min(error.retry_after_seconds or 0.0, LONGEST_WAIT_SECONDS))
        try:
            await self._show(view_id, notice(self._answers.words_for(error)))
        except CallAudioError as still:
            log.warning("modal_not_filled", code=still.code)
