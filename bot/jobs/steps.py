"""The steps of a workflow: run with back-off, kept, and ended in words when they fail."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol, TypeVar, cast

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from bot.errors import CallAudioError, Unexpected
from bot.logs import get_logger
from bot.recordings.posting import Problem
from bot.retry import retrying
from bot.store.database import is_away

T = TypeVar("T")
log = get_logger(__name__)

FIRST_WAIT_FOR_STORE_SECONDS: Final = 0.5


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


class StepFailed(Exception):
    """A step failed for good, in this run or in an earlier one that is being replayed."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.code)


class Steps:
    """Runs the steps of one workflow."""

    def __init__(
        self,
        *,
        run_step: RunStep,
        retry: RetryRule,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._run_step = run_step
        self._retry = retry
        self._sleep = sleep

    async def step(
        self, name: str, work_id: str, act: Callable[[], Awaitable[str | int]]
    ) -> str | int:
        """Run a step with back-off; what remains of a failure is kept as words, and raised.

        Raises:
            StepFailed: with those words.
        """

        async def attempt() -> str | int | dict[str, Any]:
            try:
                return await retrying(
                    lambda: self._stored(act),
                    attempts=self._retry.attempts,
                    max_wait_seconds=self._retry.max_wait_seconds,
                    sleep=self._sleep,
                )
            except CallAudioError as error:
                log.info("step_failed", step=name, work_id=work_id, code=error.code)
                return {"problem": asdict(Problem.of(error))}
            except Exception:
                # A bug must end in words too; the reference id leads from them to this line.
                log.exception("step_broke", step=name, work_id=work_id)
                return {"problem": asdict(Problem.of(Unexpected()))}

        result = await self._run_step(name, attempt)
        if isinstance(result, dict):
            raise StepFailed(Problem(**result["problem"]))
        return cast("str | int", result)

    async def last(self, name: str, act: Callable[[], Awaitable[T]]) -> T:
        """Run a step that ends the work, and so must not fail for want of a store."""
        return cast("T", await self._run_step(name, lambda: self._stored(act)))

    async def _stored(self, act: Callable[[], Awaitable[T]]) -> T:
        """Act; while the store is away wait for it, for no end can be stored without it."""
        wait_seconds = FIRST_WAIT_FOR_STORE_SECONDS
        while True:
            try:
                return await act()
            except (DBAPIError, NoFreeConnection) as error:
                if isinstance(error, DBAPIError) and not is_away(error):
                    raise
                log.warning("store_away", error=type(error).__name__)
            await self._sleep(wait_seconds)
            wait_seconds = min(2 * wait_seconds, self._retry.max_wait_seconds)
