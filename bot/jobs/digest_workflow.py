"""The workflow of one slot of a digest: post, retry, or give up."""

from collections.abc import Callable
from datetime import datetime

from bot.digests.digest import RunKey
from bot.digests.steps import DigestSteps
from bot.jobs.retry_rule import RetryRule
from bot.jobs.work_kind import WorkerDied, attempt
from bot.store.due_work import Due


class DigestWorkflow:
    """Posts one slot at a time; each slot has one row of due work."""

    def __init__(
        self, *, steps: DigestSteps, retry: RetryRule, clock: Callable[[], datetime]
    ) -> None:
        self._steps = steps
        self._retry = retry
        self._clock = clock

    async def run(self, due: Due) -> datetime | None:
        """Post one slot; returns when to try again if Slack or PolyAI is unavailable."""
        key = RunKey.parse(due.key)
        error = await attempt(self._steps.post(key), due)
        if error is None:
            return None
        again_at = self._retry.again_at(error, due.tries, self._clock())
        if again_at is None:
            await self._steps.fail(key, error.code)
        return again_at

    async def give_up(self, due: Due) -> None:
        """End a slot whose workers died repeatedly."""
        await self._steps.fail(RunKey.parse(due.key), WorkerDied.code)

    async def notify(self, due: Due) -> None:
        """Notify the owner of a paused digest.

        Raises:
            CallAudioError: a later try may succeed.
        """
        await self._steps.notify(RunKey.parse(due.key))
