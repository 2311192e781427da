"""One attempt to share an upload: claimed before its call, and made under a recent decision."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from bot.access.policy_evaluation import Evaluation
from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.recordings.deliveries.delivery import Delivery, State
from bot.recordings.deliveries.delivery_rows import NO_UPLOAD
from bot.recordings.deliveries.delivery_store import DeliveryStore
from bot.recordings.deliveries.naming import title_of
from bot.recordings.deliveries.slack_errors import ShareUnclear, UploadGone
from bot.recordings.deliveries.slack_files import delete_files
from bot.recordings.deliveries.slack_port import Share, SharedPicture, SlackPort

log = get_logger(__name__)


class ShareResult(StrEnum):
    """The result of one attempt to share."""

    SHARED = "shared"
    UNCLEAR = "unclear"
    TIGHTENED = "tightened"
    GONE = "gone"
    RETRY = "retry"
    """Nothing was shared: decide again, and share, without a picture that Slack refused."""


LONGEST_DECISION_AGE: Final = timedelta(seconds=5)
"""After this long a decision is taken again before the share."""


class DecisionOutdated(CallAudioError):
    """The decision is too old to share under it; nothing was sent."""

    code = "decision_outdated"
    what = "Too much time passed between the last decision and the post."
    likely_cause = "The process or its machine was paused in between, or the database is slow."
    fix = "There is nothing to do: I decide again."
    retryable = True


class ShareAttempts:
    """Makes attempts to share; each is stored before its call, so that no second one follows it."""

    def __init__(self, *, deliveries: DeliveryStore, slack: SlackPort) -> None:
        self._deliveries = deliveries
        self._slack = slack

    def is_outdated(self, evaluation: Evaluation) -> bool:
        """Return whether rights or listeners may have changed since, as after a stall.

        A decision of the future is outdated: a machine that resumes may set its clock back.
        """
        if evaluation.taken_at is None:
            return True
        age = self._deliveries.clock() - evaluation.taken_at
        return not timedelta(0) <= age <= LONGEST_DECISION_AGE

    async def claim(self, delivery: Delivery) -> Delivery | None:
        """Store the time of an attempt before its call; None: another worker was faster.

        A worker that finds it set asks Slack first; an unfinished attempt cannot reset a later one.
        """
        tried_at = {"share_tried_at": self._deliveries.clock()}
        return await self._deliveries.change(delivery, tried_at, when=same_try(delivery))

    async def complete(
        self, delivery: Delivery, evaluation: Evaluation, *, is_first: bool
    ) -> ShareResult:
        """Complete the upload; ``is_first``: no earlier attempt can have completed it.

        Raises:
            CallAudioError: Slack refused, or the decision is too old; nothing was shared.
        """
        share = _share_of(delivery)
        if share is None:
            return ShareResult.GONE
        # The last thing before the call: the process may have stalled since the decision.
        if self.is_outdated(evaluation):
            if not is_first:
                raise DecisionOutdated
            return ShareResult.RETRY if await self._forget(delivery) else ShareResult.UNCLEAR
        try:
            await self._slack.share(share)
        except ShareUnclear:
            return ShareResult.UNCLEAR
        except UploadGone:
            return await self._upload_gone(delivery, is_first=is_first)
        except CallAudioError as error:
            if share.picture and is_first and not error.retryable:
                return await self._without_picture(delivery)
            # A definite refusal had no effect, so the next attempt need not check it, unless an
            # earlier answer was lost: that share may still become visible.
            if is_first and not await self._forget(delivery):
                return ShareResult.UNCLEAR  # another worker's attempt may have succeeded
            raise
        return await self._confirm_current(delivery)

    async def _forget(self, delivery: Delivery) -> bool:
        """Forget an attempt that had no effect; returns whether no other worker made one."""
        untried = {"share_tried_at": None}
        return await self._deliveries.change(delivery, untried, when=same_try(delivery)) is not None

    async def _upload_gone(self, delivery: Delivery, *, is_first: bool) -> ShareResult:
        if not is_first:
            return ShareResult.UNCLEAR  # completed by the lost attempt, or discarded: unknown
        if delivery.picture_file_id:
            return await self._without_picture(delivery)
        # Not if another worker tried meanwhile: it may have completed the upload.
        dropped = await self._deliveries.change(delivery, NO_UPLOAD, when=same_try(delivery))
        return ShareResult.GONE if dropped else ShareResult.UNCLEAR

    async def _without_picture(self, delivery: Delivery) -> ShareResult:
        """Drop the picture, because it may be the reason for Slack's refusal."""
        log.info("picture_dropped", delivery_id=delivery.id)
        changed = await self._deliveries.change(
            delivery, {"picture_file_id": None, "share_tried_at": None}, when=same_try(delivery)
        )
        return ShareResult.RETRY if changed else ShareResult.UNCLEAR

    async def _confirm_current(self, delivery: Delivery) -> ShareResult:
        """Check after a share that the upload is still the current one; delete it otherwise.

        If a worker stalled between its decision and its share, another one may have taken over and
        dropped the upload meanwhile.
        """
        now = await self._deliveries.read(delivery.id)
        dropped = now.file_id != delivery.file_id or now.state in (State.REFUSED, State.FAILED)
        if not dropped:
            return ShareResult.SHARED
        # Stored first, because no row refers to these visible files any more.
        await self._deliveries.orphan_files(delivery)
        try:
            await delete_files(self._slack, delivery.file_ids)
        except CallAudioError as error:
            log.warning("dropped_share_not_deleted", delivery_id=delivery.id, code=error.code)
        return ShareResult.GONE


def same_try(delivery: Delivery) -> dict[str, object]:
    """Build the condition that no other worker dropped or tried to share the upload since.

    Nor was a freeze lifted since: an upload that was fetched before is not shared again.
    """
    return {
        "file_id": delivery.file_id,
        "share_tried_at": delivery.share_tried_at,
        "thawed_at": delivery.thawed_at,
    }


def _share_of(delivery: Delivery) -> Share | None:
    """Build the share of a stored upload; None if it was dropped."""
    if delivery.file_id is None or delivery.channel_id is None or delivery.parent_ts is None:
        return None
    title, picture_id = title_of(delivery), delivery.picture_file_id
    return Share(
        file_id=delivery.file_id,
        title=title,
        channel_id=delivery.channel_id,
        thread_ts=delivery.parent_ts,
        picture=SharedPicture(picture_id, f"{title}, waveform") if picture_id else None,
    )
