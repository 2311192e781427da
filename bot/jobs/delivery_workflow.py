"""The workflow of a delivery: a recording from its stored request to its end."""

from collections.abc import Callable
from datetime import datetime

from bot.access.policy import Outcome
from bot.errors import CallAudioError
from bot.jobs.retry_rule import RetryRule
from bot.jobs.work_kind import WorkerDied, attempt
from bot.recordings.deliveries.delivery import Delivery, Problem
from bot.recordings.deliveries.slack_errors import ConversationUnseen
from bot.recordings.steps.completion import Completion
from bot.recordings.steps.delivery_steps import DeliverySteps
from bot.recordings.steps.notification import Notification
from bot.recordings.steps.share_attempts import ShareResult
from bot.store.due_work import Due

# raw, then redacted, then refused; and one upload that Slack discarded for each.
MAX_ROUNDS = 5


class NotPostable(CallAudioError):
    """Rights, audience or uploads changed repeatedly while it was being posted."""

    code = "not_postable"
    what = "The recording could not be posted: who may hear it changed again and again."
    likely_cause = "People joined or left, or rights were changed, while it was on its way."
    fix = "Try again."


class DeliveryWorkflow:
    """Runs the steps in order.

    Between two runs only the delivery's own row is kept; it says what is done. A run that was
    killed or postponed starts from the beginning, and each step does what is missing.
    """

    def __init__(
        self,
        *,
        steps: DeliverySteps,
        completion: Completion,
        notification: Notification,
        retry: RetryRule,
        clock: Callable[[], datetime],
    ) -> None:
        self._steps = steps
        self._completion = completion
        self._notification = notification
        self._retry = retry
        self._clock = clock

    async def run(self, due: Due) -> datetime | None:
        """Deliver one recording and notify its requester; returns when to try again, or None."""
        error = await attempt(self._deliver(due.key), due)
        if error:
            problem = Problem.of(error)
            again_at = self._retry.again_at(error, due.tries, self._clock())
            if again_at:
                await self._notification.notify_waiting(due.key, problem, due.tries)
                return again_at
            await self._completion.fail(due.key, problem)
        return await self._notification.notify_end(due.key)

    async def give_up(self, due: Due) -> datetime | None:
        """End a delivery whose workers died repeatedly, and notify the requester.

        If they died while notifying, the notification is given up as well.
        """
        if (await self._steps.begin(due.key)).has_ended:
            await self._notification.give_up(due.key, WorkerDied.code)
            return None
        await self._completion.fail(due.key, Problem.of(WorkerDied()))
        return await self._notification.notify_end(due.key)

    async def _deliver(self, delivery_id: str) -> None:
        while True:
            delivery = await self._steps.begin(delivery_id)
            try:
                return await self._take_steps(delivery)
            except ConversationUnseen:
                # The channel may have another id since this run read the delivery.
                now = await self._steps.begin(delivery_id)
                if now.asked_channel_id == delivery.asked_channel_id:
                    raise

    async def _take_steps(self, delivery: Delivery) -> None:
        steps, delivery_id = self._steps, delivery.id
        if delivery.has_ended:
            return
        delivery, conversation = await steps.decide(delivery)
        for _ in range(MAX_ROUNDS):
            if delivery.outcome is Outcome.REFUSED:
                await self._completion.refuse(delivery)
                return
            delivery, evaluation = await steps.upload(delivery, conversation)
            shared = await steps.share(delivery, evaluation)
            if shared in (ShareResult.SHARED, ShareResult.UNCLEAR):
                was_shared = shared is ShareResult.SHARED
                if await self._completion.confirm(delivery_id, was_shared=was_shared):
                    return
            delivery = await steps.begin(delivery_id)
        raise NotPostable
