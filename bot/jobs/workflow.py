"""The one workflow: a recording from its stored request to its end."""

import asyncio
from collections.abc import Awaitable, Callable

from bot.access.policy import Outcome
from bot.errors import CallAudioError
from bot.jobs.steps import RetryRule, RunStep, StepFailed, Steps
from bot.recordings.deliver import DeliverySteps
from bot.recordings.endings import Endings
from bot.recordings.posting import Problem
from bot.recordings.sharing import ShareResult

# raw, then redacted, then refused; and one upload that Slack discarded on each.
MAX_ROUNDS = 5


class NotPostable(CallAudioError):
    """Rights, audience or uploads changed again and again while it was being posted."""

    code = "not_postable"
    what = "The recording could not be posted: who may hear it changed again and again."
    likely_cause = "People joined or left, or rights were changed, while it was on its way."
    fix = "Try again."


class DeliveryWorkflow:
    """Runs the steps in order; whatever fails ends in words for the requester."""

    def __init__(
        self,
        *,
        steps: DeliverySteps,
        endings: Endings,
        run_step: RunStep,
        retry: RetryRule,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._steps = steps
        self._endings = endings
        self._run = Steps(run_step=run_step, retry=retry, sleep=sleep)

    async def run(self, delivery_id: str) -> str:
        """Deliver one recording; gives the state it ended in."""
        problem = await self._deliver(delivery_id)
        if problem:
            failed = await self._run.last("fail", lambda: self._endings.fail(delivery_id, problem))
            return str(failed)
        return str(await self._run.last("tell", lambda: self._endings.tell(delivery_id)))

    async def _deliver(self, delivery_id: str) -> Problem | None:
        steps = self._steps

        async def step(name: str, act: Callable[[str], Awaitable[str | int]]) -> str | int:
            return await self._run.step(name, delivery_id, lambda: act(delivery_id))

        try:
            await step("resolve", steps.resolve)
            outcome = await step("decide", steps.decide)
            for _ in range(MAX_ROUNDS):
                if outcome == Outcome.REFUSED:
                    await step("refuse", self._endings.refuse)
                    return None
                await step("open", steps.open)
                await step("announce", steps.announce)
                await step("upload", steps.upload)
                shared = await step("share", steps.share)
                if shared in (ShareResult.SHARED, ShareResult.UNCLEAR):
                    confirmed = await step("confirm", self._endings.confirm)
                    if confirmed != ShareResult.UNSHOWN:
                        return None
                outcome = await step("outcome", steps.outcome)
        except StepFailed as failed:
            return failed.problem
        return Problem.of(NotPostable())
