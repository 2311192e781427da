"""Completes a delivery: visible, refused or failed, each stored once."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from bot.access.policy import Outcome
from bot.audit.events import AuditTag
from bot.observability.metrics import Metrics
from bot.recordings.deliveries.delivery import Delivery, Problem, State
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.deliveries.file_check_schedule import FileCheckSchedule, watch_file
from bot.recordings.deliveries.unsafe_redacted_files import schedule_ordered
from bot.recordings.steps.notification import is_card_enough
from bot.recordings.steps.sharing import Sharing

Sample = Callable[[AsyncSession, Row[Any], datetime], None]
"""Schedules a check of a redacted recording if it is sampled, in the transaction of its end."""


class Completion:
    """Ends deliveries, each with its audit event and the due work that notifies people."""

    def __init__(
        self,
        *,
        deliveries: DeliveryStore,
        sharing: Sharing,
        metrics: Metrics,
        check_schedule: FileCheckSchedule,
        sample: Sample | None = None,
    ) -> None:
        self._deliveries = deliveries
        self._sharing = sharing
        self._metrics = metrics
        self._check_schedule = check_schedule
        self._sample = sample

    async def confirm(self, delivery_id: str, *, was_shared: bool) -> State | None:
        """Check that the file is visible, and store and return the end.

        ``was_shared``: Slack accepted the share, or showed the file already. None: Slack accepted
        the recording and its picture and shows neither; both were dropped, so upload and share
        the recording again, without the picture.
        """
        delivery = await self._deliveries.read(delivery_id)
        if delivery.has_ended:
            return delivery.state
        share_ts = await self._sharing.find(delivery)
        was_shared = was_shared and delivery.state is not State.SHARED
        if share_ts is None and was_shared:
            # Stored first, because the file may be dropped next.
            await self._deliveries.change(delivery, {"state": State.SHARED.value}, was_shared=True)
            was_shared = False
        if share_ts is None and await self._sharing.drop_unshown(delivery):
            return None
        state = State.DELIVERED if share_ts else State.UNCONFIRMED
        tag = AuditTag.DELIVERY_DELIVERED if share_ts else AuditTag.DELIVERY_UNCONFIRMED
        now = self._deliveries.clock()
        is_raw = delivery.is_raw
        # No private note follows, so the response URL is cleared already.
        is_notified = is_card_enough(state, delivery)
        notified = {"notified_at": now, "response_url": None} if is_notified else {}
        if await self._deliveries.change(
            delivery,
            {
                **self._deliveries.ending(state),
                "share_ts": share_ts,
                "shares_due_at": now + self._check_schedule.check_every if is_raw else None,
                **({} if is_raw else {"recheck_at": None}),
                **notified,
            },
            tag=tag,
            payload={
                "outcome": delivery.outcome,
                "reason": delivery.reason,
                "conversation_id": delivery.conversation_id,
                "channel_id": delivery.channel_id,
                "thread_ts": delivery.parent_ts,
                "file_id": delivery.file_id,
                "size_bytes": delivery.size_bytes,
            },
            then=self._after(now, is_raw=is_raw),
            was_shared=was_shared,
        ):
            self._count(delivery, str(delivery.outcome), str(delivery.reason))
        return state

    def _after(self, now: datetime, *, is_raw: bool) -> Callable[[AsyncSession, Row[Any]], None]:
        """Schedule the work that an end makes necessary."""
        if is_raw:
            return partial(watch_file, now=now, check_schedule=self._check_schedule)
        return partial(self._after_redacted, now=now)

    def _after_redacted(self, session: AsyncSession, row: Row[Any], *, now: datetime) -> None:
        schedule_ordered(session, row, now)
        if self._sample:
            self._sample(session, row, now)

    async def refuse(self, delivery: Delivery) -> None:
        """End a delivery that the decision refused."""
        if await self._deliveries.change(
            delivery,
            {**self._deliveries.ending(State.REFUSED), "recheck_at": None},
            tag=AuditTag.DELIVERY_REFUSED,
            payload={"reason": delivery.reason, "conversation_id": delivery.conversation_id},
        ):
            self._count(delivery, Outcome.REFUSED.value, str(delivery.reason))

    async def fail(self, delivery_id: str, problem: Problem) -> None:
        """End a delivery that cannot be finished; nothing half-done may stay visible.

        It uses the current row, so that files that another worker uploaded or began to share
        meanwhile are left to the take-back as well.
        """
        while True:
            delivery = await self._deliveries.read(delivery_id)
            if delivery.has_ended:
                return
            # A share whose answer was lost may become visible after its deletion.
            orphans_files = delivery.share_tried_at is not None
            if await self._deliveries.change(
                delivery,
                {
                    **self._deliveries.ending(State.FAILED),
                    "error_code": problem.code,
                    "problem": asdict(problem),
                    "recheck_at": None,
                },
                tag=AuditTag.DELIVERY_FAILED,
                payload={
                    "code": problem.code,
                    "conversation_id": delivery.conversation_id,
                    "correlation_id": problem.correlation_id,
                    "file_id": delivery.file_id,
                },
                when={
                    "share_tried_at": delivery.share_tried_at,
                    "file_id": delivery.file_id,
                    "picture_file_id": delivery.picture_file_id,
                },
                orphans_files=orphans_files,
            ):
                break
        self._count(delivery, State.FAILED.value, problem.code)
        self._metrics.errors.labels(code=problem.code).inc()

    def _count(self, delivery: Delivery, outcome: str, reason: str) -> None:
        self._metrics.deliveries.labels(outcome=outcome, reason=reason).inc()
        taken = self._deliveries.clock() - delivery.requested_at
        self._metrics.delivery_seconds.observe(taken.total_seconds())
