"""The one workflow: a recording from its stored request to its end."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol, TypeVar, cast

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from bot.access.policy import Outcome
from bot.errors import CallAudioError
from bot.logs import get_logger
from bot.recordings.deliver import DeliverySteps
from bot.recordings.endings import Endings
from bot.recordings.posting import Problem
from bot.recordings.sharing import ShareResult
from bot.retry import retrying

T = TypeVar("T")
log = get_logger(__name__)

STORE_AWAY: Final = (OperationalError, InterfaceError, NoFreeConnection)
FIRST_WAIT_FOR_STORE_SECONDS: Final = 0.5
# raw, then redacted, then refused; and one upload that Slack discarded on each.
MAX_ROUNDS = 5


class NotPostable(CallAudioError):
    """Rights, audience or uploads changed again and again while it was being posted."""

    code = "not_postable"
    what = "The recording could not be posted: who may hear it changed again and again."
    fix = "Try again."


class RunStep(Protocol):
    """Runs a step and keeps what it gives, or gives what was kept when it ran before."""

    async def __call__(self, name: str, step: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401
        """Run or replay."""
        ...


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How often a step is tried, and the longest wait between two tries."""

    attempts: int = 4
    max_wait_seconds: float = 30.0


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
        self._run_step = run_step
        self._retry = retry
        self._sleep = sleep

    async def run(self, delivery_id: str) -> str:
        """Deliver one recording; gives the state it ended in."""
        problem = await self._deliver(delivery_id)
        if problem:

            async def fail() -> str:
                return await self._stored(lambda: self._endings.fail(delivery_id, problem))

            return str(await self._run_step("fail", fail))

        async def tell() -> str:
            return await self._stored(lambda: self._endings.tell(delivery_id))

        return str(await self._run_step("tell", tell))

    async def _deliver(self, delivery_id: str) -> Problem | None:
        steps = self._steps
        step = self._step
        try:
            await step("resolve", delivery_id, steps.resolve)
            outcome = await step("decide", delivery_id, steps.decide)
            for _ in range(MAX_ROUNDS):
                if outcome == Outcome.REFUSED:
                    await step("refuse", delivery_id, self._endings.refuse)
                    return None
                await step("open", delivery_id, steps.open)
                await step("announce", delivery_id, steps.announce)
                await step("upload", delivery_id, steps.upload)
                shared = await step("share", delivery_id, steps.share)
                if shared in (ShareResult.SHARED, ShareResult.UNCLEAR):
                    await step("confirm", delivery_id, self._endings.confirm)
                    return None
                outcome = await step("outcome", delivery_id, steps.outcome)
        except _Failed as failed:
            return failed.problem
        return Problem.of(NotPostable())

    async def _step(
        self, name: str, delivery_id: str, step: Callable[[str], Awaitable[str | int]]
    ) -> str | int:
        """Run a step with back-off; what remains of a failure is kept as words, and raised."""

        async def attempt() -> str | int | dict[str, Any]:
            try:
                return await retrying(
                    lambda: self._stored(lambda: step(delivery_id)),
                    attempts=self._retry.attempts,
                    max_wait_seconds=self._retry.max_wait_seconds,
                    sleep=self._sleep,
                )
            except CallAudioError as error:
                log.info("step_failed", step=name, delivery_id=delivery_id, code=error.code)
                return {"problem": asdict(Problem.of(error))}
            except Exception:
                # A bug must end in words too; the reference id leads from them to this line.
                log.exception("step_broke", step=name, delivery_id=delivery_id)
                return {"problem": asdict(Problem.of(CallAudioError()))}

        result = await self._run_step(name, attempt)
        if isinstance(result, dict):
            raise _Failed(Problem(**result["problem"]))
        return cast("str | int", result)

    async def _stored(self, act: Callable[[], Awaitable[T]]) -> T:
        """Act; while the store is away wait for it, for no end can be stored without it."""
        wait_seconds = FIRST_WAIT_FOR_STORE_SECONDS
        while True:
            try:
                return await act()
            except STORE_AWAY as error:
                log.warning("store_away", error=type(error).__name__)
            await self._sleep(wait_seconds)
            wait_seconds = min(2 * wait_seconds, self._retry.max_wait_seconds)


class _Failed(Exception):
    """A step failed for good, in this run or in an earlier one that is being replayed."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.code)
