"""The workflow of one slot of a digest: from its claim to its post."""

import asyncio
from collections.abc import Awaitable, Callable

from bot.digests.runs import RunKey
from bot.digests.steps import DigestSteps
from bot.jobs.steps import RetryRule, RunStep, StepFailed, Steps


class DigestWorkflow:
    """Runs the steps in order; its id is the run's name, so each slot has one."""

    def __init__(
        self,
        *,
        steps: DigestSteps,
        run_step: RunStep,
        retry: RetryRule,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._steps = steps
        self._run = Steps(run_step=run_step, retry=retry, sleep=sleep)

    async def run(self, run_id: str) -> str:
        """Post one slot; gives the ts, or nothing where there was nothing to post."""
        key = RunKey.parse(run_id)
        try:
            return await self._post(key)
        except StepFailed as failed:
            code = failed.problem.code
        await self._run.last("fail", lambda: self._steps.fail(key, code))
        await self._tell(key)
        return ""

    async def _post(self, key: RunKey) -> str:
        if not await self._run.step("check", str(key), lambda: self._steps.check(key)):
            return ""
        ts = str(await self._run.step("post", str(key), lambda: self._steps.post(key)))
        await self._run.last("record", lambda: self._steps.record(key, ts))
        return ts

    async def _tell(self, key: RunKey) -> None:
        async def tell() -> str:
            await self._steps.tell(key)
            return ""

        try:
            await self._run.step("tell", str(key), tell)
        except StepFailed:
            return  # noted by the step; that the digest is paused stands in the list
