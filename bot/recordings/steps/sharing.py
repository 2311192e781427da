"""Steps 7 and 8: share at most once, and check that the file is visible.

Step 6, the second decision, is usually taken in ``DeliverySteps.upload``. ``Sharing`` takes it if
it got none, or if the one it got is outdated.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from bot.access.policy import Outcome, audited_facts, is_stricter
from bot.access.policy_evaluation import Evaluation, Question
from bot.audit.events import AuditTag
from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.recordings.deliveries.delivery import Delivery, State
from bot.recordings.deliveries.delivery_rows import NO_UPLOAD
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.deliveries.slack_files import delete_files
from bot.recordings.deliveries.slack_port import SlackPort
from bot.recordings.steps.delivery_decision import DeliveryDecider
from bot.recordings.steps.share_attempts import (
    DecisionOutdated,
    ShareAttempts,
    ShareResult,
    same_try,
)

log = get_logger(__name__)

MOST_TRIES_IN_A_ROW: Final = 10
"""Decisions that one run takes for a share; each costs six calls of Slack."""
VISIBILITY_WAITS_SECONDS: Final = (0.2, 0.5, 1, 2, 4, 8, 16, 30)
"""The waits between checks whether Slack shows a shared file."""


class Sharing:
    """Makes an upload visible under a decision taken immediately before."""

    def __init__(
        self,
        *,
        deliveries: DeliveryStore,
        decider: DeliveryDecider,
        slack: SlackPort,
        visibility_waits_seconds: Sequence[float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._deliveries = deliveries
        self._attempts = ShareAttempts(deliveries=deliveries, slack=slack)
        self._decider = decider
        self._slack = slack
        self._visibility_waits_seconds = visibility_waits_seconds
        self._sleep = sleep

    async def share(
        self, delivery: Delivery, question: Question, evaluation: Evaluation | None = None
    ) -> ShareResult:
        """Share the upload, unless the rights or the audience have become stricter.

        ``evaluation``: the decision, if it was taken just now, after the last byte was uploaded; it
        is valid for the first try only. If there is no upload, a stricter decision is stored. After
        a try whose answer was lost, in this run or an earlier one, Slack is asked first. Only if it
        shows nothing, the same file is completed again, under a new decision.

        Raises:
            CallAudioError: Slack refused, or each decision was outdated before its share; nothing
                is visible.
        """
        for _ in range(MOST_TRIES_IN_A_ROW):
            result = await self._share_once(delivery, question, evaluation)
            if result is not ShareResult.RETRY:
                return result
            delivery, evaluation = await self._deliveries.read(delivery.id), None
        # A database that takes seconds makes every decision outdated; the work is retried later.
        raise DecisionOutdated

    async def _share_once(
        self, delivery: Delivery, question: Question, evaluation: Evaluation | None
    ) -> ShareResult:
        if delivery.has_ended:
            return ShareResult.UNCLEAR  # ended by another worker while this one stalled
        if delivery.file_id is None:
            if evaluation and await self._tightened(delivery, evaluation):
                return ShareResult.TIGHTENED
            return ShareResult.GONE  # dropped by another worker
        if delivery.share_tried_at:
            return await self._share_again(delivery, question)
        result = await self._attempt(delivery, question, evaluation, is_first=True)
        # Whether an unclear first try is visible is checked next.
        return ShareResult.RETRY if result is ShareResult.UNCLEAR else result

    async def _share_again(self, delivery: Delivery, question: Question) -> ShareResult:
        """Check a lost try; if nothing is visible, decide again and complete once more.

        While Slack does not say whether a raw file is visible, each retry decides again, and drops
        the file if it may no longer be raw: its regular checks begin only at the delivery's end.
        """
        try:
            if await self.find(delivery):
                return ShareResult.SHARED
        except CallAudioError as error:
            if not delivery.is_raw or not error.retryable:
                raise
            if await self._tightened(delivery, await self._decider.decide(question, delivery)):
                return ShareResult.TIGHTENED
            raise
        if delivery.may_be_raw_by_mistake:
            # A stalled worker may still complete it.
            await self._deliveries.change(
                delivery, NO_UPLOAD, when=same_try(delivery), orphans_files=True
            )
            return ShareResult.GONE
        result = await self._attempt(delivery, question, None, is_first=False)
        if result is ShareResult.UNCLEAR and await self.find(delivery):
            return ShareResult.SHARED
        return result

    async def _attempt(
        self,
        delivery: Delivery,
        question: Question,
        evaluation: Evaluation | None,
        *,
        is_first: bool,
    ) -> ShareResult:
        """Complete the upload under a recent decision; RETRY: another worker was faster."""
        await self._slack.await_share_turn()
        if evaluation is None or self._attempts.is_outdated(evaluation):
            evaluation = await self._decider.decide(question, delivery)
        if await self._tightened(delivery, evaluation):
            return ShareResult.TIGHTENED
        claimed = await self._attempts.claim(delivery)
        if not claimed:
            return ShareResult.RETRY
        # From here on the stored upload cannot change, so it is what is shared.
        return await self._attempts.complete(claimed, evaluation, is_first=is_first)

    async def find(self, delivery: Delivery) -> str | None:
        """Wait until the file is visible in the destination; returns its ts, or None."""
        file_id, channel_id = delivery.file_id, delivery.channel_id
        if file_id is None or channel_id is None:
            return None
        for wait_seconds in self._visibility_waits_seconds:
            ts = await self._slack.find_share(file_id, channel_id)
            if ts:
                return ts
            await self._sleep(wait_seconds)
            # The channel may have another id by now.
            channel_id = (await self._deliveries.read(delivery.id)).channel_id or channel_id
        return await self._slack.find_share(file_id, channel_id)

    async def drop_unshown(self, delivery: Delivery) -> bool:
        """Drop, once, a recording that Slack accepted with its picture and never shows.

        Slack may finish processing files and show them nowhere. The picture may be the cause, so
        the recording is then delivered without it. Files that Slack still processes are left
        unchanged. The files are deleted first, so that there are never two posts.
        """
        channel_id = delivery.channel_id
        if delivery.picture_file_id is None or delivery.file_id is None or channel_id is None:
            return False
        try:
            if not await self._slack.is_left_out(delivery.file_id, channel_id):
                return False
            await delete_files(self._slack, delivery.file_ids, channel_id)
        except CallAudioError as error:
            log.warning("unshown_files_not_deleted", delivery_id=delivery.id, code=error.code)
            return False
        dropped = await self._deliveries.change(
            delivery,
            {**NO_UPLOAD, "without_picture": True, "state": State.ANNOUNCED.value},
            tag=AuditTag.DELIVERY_UNSHOWN,
            payload={"file_id": delivery.file_id, "picture_file_id": delivery.picture_file_id},
            when={"file_id": delivery.file_id},
        )
        return dropped is not None

    async def _tightened(self, delivery: Delivery, evaluation: Evaluation) -> bool:
        """If the new decision is stricter, drop the upload and store the decision."""
        decision = evaluation.decision
        if not is_stricter(decision, delivery.outcome or Outcome.REFUSED):
            return False
        if delivery.share_tried_at:
            # It may have been completed. Slack discards an upload that was never completed.
            await delete_files(self._slack, delivery.file_ids)
        await self._deliveries.change(
            delivery,
            {**decided(evaluation), **NO_UPLOAD},
            tag=AuditTag.DELIVERY_TIGHTENED,
            payload={
                "from": delivery.outcome,
                "to": decision.outcome.value,
                "reason": decision.reason.value,
                "dropped_file_id": delivery.file_id,
                **audited_facts(evaluation.facts),
            },
            # Never overwrites what another worker stored since; the next try decides on that.
            when={**same_try(delivery), "outcome": delivery.outcome},
            # A worker that stalls during its try may still complete it, and then be killed.
            orphans_files=delivery.share_tried_at is not None,
        )
        return True


def decided(evaluation: Evaluation) -> dict[str, str | bool | None]:
    """Build the columns of a decision; it ends the wait for its facts."""
    return {
        "outcome": evaluation.decision.outcome.value,
        "reason": evaluation.decision.reason.value,
        "destination_is_private": evaluation.facts.destination_is_private,
        "state": State.DECIDED.value,
        "waiting_since": None,
    }
