"""Steps 6 to 8: decide again, share at most once, and see that it is there."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from bot.access.deciding import Decider, Question
from bot.access.policy import Decision, Outcome, is_stricter
from bot.audit.events import AuditTag
from bot.errors import CallAudioError
from bot.recordings.naming import title_of
from bot.recordings.posting import Posting, Share, ShareUnclear
from bot.recordings.record import Delivery, DeliveryLog
from bot.recordings.states import State
from bot.store.tables import DeliveryRow


class ShareResult(StrEnum):
    """What came of one try to share."""

    SHARED = "shared"
    UNCLEAR = "unclear"
    TIGHTENED = "tightened"
    GONE = "gone"


class UploadGone(CallAudioError):
    """Slack knows the upload no more, and it was never seen: a new one is needed."""

    code = "upload_gone"
    what = "Slack discarded the upload before it could be posted."
    fix = "Try again."


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for Slack to show a shared file, look after look, in seconds."""

    visible_seconds: tuple[float, ...] = (0.2, 0.5, 1, 2, 4, 8, 16, 30)


class Sharing:
    """Makes an upload visible under a decision taken in the same breath."""

    def __init__(
        self,
        *,
        log: DeliveryLog,
        decider: Decider,
        posting: Posting,
        patience: Patience,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._log = log
        self._decider = decider
        self._posting = posting
        self._patience = patience
        self._sleep = sleep

    async def share(self, delivery: Delivery, question: Question) -> ShareResult:
        """Share the upload, unless the rights or the audience have become stricter.

        A try whose answer was lost, in this run or an earlier one, is asked after first. Only when
        Slack shows nothing is the same file completed once more, and only under a new decision.

        Raises:
            CallAudioError: Slack refused; nothing is visible.
        """
        if delivery.has_ended:
            return ShareResult.UNCLEAR  # by another worker, while this one stood still
        if delivery.share_tried_at:
            return await self._share_again(delivery, question)
        if await self._tightened(delivery, question):
            return ShareResult.TIGHTENED
        # Stored before the call. Whoever finds it set asks Slack before doing anything.
        claimed = await self._log.change(
            delivery,
            {"share_tried_at": self._log.clock()},
            when=DeliveryRow.share_tried_at.is_(None) & (DeliveryRow.file_id == delivery.file_id),
        )
        if not claimed:
            return await self.share(await self._log.read(delivery.id), question)
        result = await self._complete(delivery)
        if result is not ShareResult.UNCLEAR:
            return result
        return await self._share_again(await self._log.read(delivery.id), question)

    async def _share_again(self, delivery: Delivery, question: Question) -> ShareResult:
        """Ask after a lost try; where nothing is visible, decide afresh and complete once more."""
        if await self.find(delivery):
            return ShareResult.SHARED
        if await self._tightened(delivery, question):
            return ShareResult.TIGHTENED
        result = await self._complete(delivery)
        if result is ShareResult.UNCLEAR and await self.find(delivery):
            return ShareResult.SHARED
        return result

    async def find(self, delivery: Delivery) -> str | None:
        """Wait for the file to be visible in the destination; gives its ts, or None in the end."""
        if delivery.file_id is None or delivery.channel_id is None:
            return None
        for wait_seconds in self._patience.visible_seconds:
            ts = await self._posting.find_share(delivery.file_id, delivery.channel_id)
            if ts:
                return ts
            await self._sleep(wait_seconds)
        return await self._posting.find_share(delivery.file_id, delivery.channel_id)

    async def _complete(self, delivery: Delivery) -> ShareResult:
        if delivery.file_id is None or delivery.channel_id is None or delivery.parent_ts is None:
            return ShareResult.GONE
        try:
            await self._posting.share(
                Share(
                    file_id=delivery.file_id,
                    title=title_of(delivery),
                    channel_id=delivery.channel_id,
                    thread_ts=delivery.parent_ts,
                )
            )
        except ShareUnclear:
            return ShareResult.UNCLEAR
        except UploadGone:
            if delivery.share_tried_at:
                return ShareResult.UNCLEAR  # completed by the lost try, or discarded: who knows
            await self._log.change(delivery, {"file_id": None, "share_tried_at": None})
            return ShareResult.GONE
        except CallAudioError:
            # Refused in so many words: nothing happened, so the next try need not ask after it;
            # unless an earlier one was lost, which may still come to light.
            if delivery.share_tried_at is None:
                await self._log.change(delivery, {"share_tried_at": None})
            raise
        return await self._stands(delivery)

    async def _stands(self, delivery: Delivery) -> ShareResult:
        """Take a share back that was made on a word no longer true.

        A worker that stood still between its decision and its share may have been taken over, and
        the upload dropped, in between.
        """
        now = await self._log.read(delivery.id)
        dropped = now.file_id != delivery.file_id or now.state in (State.REFUSED, State.FAILED)
        if dropped and delivery.file_id:
            await self._posting.delete_file(delivery.file_id)
            return ShareResult.GONE
        return ShareResult.SHARED

    async def _tightened(self, delivery: Delivery, question: Question) -> bool:
        """Decide afresh; when stricter, drop the upload and store the new decision."""
        decision = (await self._decider.rule(question)).decision
        if not is_stricter(decision, delivery.outcome or Outcome.REFUSED):
            return False
        if delivery.share_tried_at and delivery.file_id:
            # It may have been completed unseen. One never completed Slack discards by itself.
            await self._posting.delete_file(delivery.file_id)
        await self._log.change(
            delivery,
            {**decided(decision), "file_id": None, "share_tried_at": None},
            tag=AuditTag.DELIVERY_TIGHTENED,
            payload={
                "from": delivery.outcome,
                "to": decision.outcome.value,
                "reason": decision.reason.value,
                "dropped_file_id": delivery.file_id,
            },
            # Never over what another worker has stored since; that is then judged by the next try.
            when=(DeliveryRow.file_id == delivery.file_id)
            & (DeliveryRow.outcome == delivery.outcome),
        )
        return True


def decided(decision: Decision) -> dict[str, str]:
    """Spell a decision in columns."""
    return {
        "outcome": decision.outcome.value,
        "reason": decision.reason.value,
        "state": State.DECIDED.value,
    }
