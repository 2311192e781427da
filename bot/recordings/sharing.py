"""Steps 6 to 8: decide again, share at most once, and see that it is there."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from bot.access.deciding import Question, Ruling
from bot.access.policy import Outcome, audited_facts, is_stricter
from bot.audit.events import AuditTag
from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.recordings.delivery import Delivery
from bot.recordings.delivery_decision import DeliveryDecider
from bot.recordings.delivery_rows import NO_UPLOAD
from bot.recordings.delivery_store import DeliveryStore
from bot.recordings.naming import title_of
from bot.recordings.slack_files import delete_files
from bot.recordings.slack_port import Share, SharedPicture, ShareUnclear, SlackPort
from bot.recordings.states import State

log = get_logger(__name__)


class ShareResult(StrEnum):
    """What came of one try to share."""

    SHARED = "shared"
    UNCLEAR = "unclear"
    TIGHTENED = "tightened"
    GONE = "gone"
    UNSHOWN = "unshown"
    """Slack took it with its picture and shows neither: to be uploaded and shared without it."""
    ANEW = "anew"
    """Refused with its picture and nothing happened: to be decided and shared without it."""


class UploadGone(CallAudioError):
    """Slack knows the upload no more, and it was never seen: a new one is needed."""

    code = "upload_gone"
    what = "Slack discarded the upload before it could be posted."
    likely_cause = "It took too long between the upload and the post, or a scan refused the file."
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
        log: DeliveryStore,
        decider: DeliveryDecider,
        slack: SlackPort,
        patience: Patience,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._log = log
        self._decider = decider
        self._slack = slack
        self._patience = patience
        self._sleep = sleep

    async def share(
        self, delivery: Delivery, question: Question, ruling: Ruling | None = None
    ) -> ShareResult:
        """Share the upload, unless the rights or the audience have become stricter.

        ``ruling``: the decision, if it was taken a moment ago, after the last byte was uploaded; it
        serves for the first try alone. A try whose answer was lost, in this run or an earlier one,
        is asked after first. Only when Slack shows nothing is the same file completed once more,
        and only under a new decision.

        Raises:
            CallAudioError: Slack refused; nothing is visible.
        """
        if delivery.has_ended:
            return ShareResult.UNCLEAR  # by another worker, while this one stood still
        if delivery.file_id is None:
            return ShareResult.GONE  # dropped by another worker
        if delivery.share_tried_at:
            return await self._share_again(delivery, question)
        ruling = ruling or await self._decider.rule(question, delivery)
        if await self._tightened(delivery, ruling):
            return ShareResult.TIGHTENED
        # Stored before the call. Whoever finds it set asks Slack before doing anything.
        tried_at = self._log.clock()
        claimed = await self._log.change(
            delivery, {"share_tried_at": tried_at}, when=_same_try(delivery)
        )
        if not claimed:
            return await self.share(await self._log.read(delivery.id), question)
        # Nothing is added to the upload any more: what is stored of it now is what is shared.
        result = await self._complete(claimed, is_first=True)
        if result in (ShareResult.ANEW, ShareResult.UNCLEAR):
            return await self.share(await self._log.read(delivery.id), question)
        return result

    async def _share_again(self, delivery: Delivery, question: Question) -> ShareResult:
        """Ask after a lost try; where nothing is visible, decide afresh and complete once more."""
        if await self.find(delivery):
            return ShareResult.SHARED
        if await self._tightened(delivery, await self._decider.rule(question, delivery)):
            return ShareResult.TIGHTENED
        # A try of its own: another worker whose try is still under way must not call it off.
        tried_at = self._log.clock()
        claimed = await self._log.change(
            delivery, {"share_tried_at": tried_at}, when=_same_try(delivery)
        )
        if not claimed:
            return await self.share(await self._log.read(delivery.id), question)
        result = await self._complete(claimed, is_first=False)
        if result is ShareResult.UNCLEAR and await self.find(delivery):
            return ShareResult.SHARED
        return result

    async def find(self, delivery: Delivery) -> str | None:
        """Wait until the file is visible in the destination; returns its ts, or None."""
        if delivery.file_id is None or delivery.channel_id is None:
            return None
        for wait_seconds in self._patience.visible_seconds:
            ts = await self._slack.find_share(delivery.file_id, delivery.channel_id)
            if ts:
                return ts
            await self._sleep(wait_seconds)
        return await self._slack.find_share(delivery.file_id, delivery.channel_id)

    async def drop_unshown(self, delivery: Delivery) -> bool:
        """Let go of a recording that Slack took with its picture and never shows, once.

        Slack may be done with files and show them nowhere. The picture may be why, and must not
        cost the recording, which then goes alone. What Slack still works on is left alone. The
        files are deleted first, so that there are never two posts.
        """
        if delivery.picture_file_id is None or delivery.file_id is None:
            return False
        try:
            if not await self._slack.is_left_out(delivery.file_id):
                return False
            await delete_files(self._slack, delivery.file_ids)
        except CallAudioError as error:
            log.warning("unshown_files_stay", delivery_id=delivery.id, code=error.code)
            return False
        dropped = await self._log.change(
            delivery,
            {**NO_UPLOAD, "without_picture": True, "state": State.ANNOUNCED.value},
            tag=AuditTag.DELIVERY_UNSHOWN,
            payload={
                "file_id": delivery.file_id,
                "picture_file_id": delivery.picture_file_id,
            },
            when={"file_id": delivery.file_id},
        )
        return dropped is not None

    async def _complete(self, delivery: Delivery, *, is_first: bool) -> ShareResult:
        if delivery.file_id is None or delivery.channel_id is None or delivery.parent_ts is None:
            return ShareResult.GONE
        title = title_of(delivery)
        picture_id = delivery.picture_file_id
        try:
            await self._slack.share(
                Share(
                    file_id=delivery.file_id,
                    title=title,
                    channel_id=delivery.channel_id,
                    thread_ts=delivery.parent_ts,
                    picture=SharedPicture(picture_id, f"{title}, waveform") if picture_id else None,
                )
            )
        except ShareUnclear:
            return ShareResult.UNCLEAR
        except UploadGone:
            if not is_first:
                return ShareResult.UNCLEAR  # completed by the lost try, or discarded: who knows
            if picture_id:
                return await self._without_picture(delivery)
            # Unless another worker tried meanwhile: then it may have been completed by that one.
            dropped = await self._log.change(delivery, NO_UPLOAD, when=_same_try(delivery))
            return ShareResult.GONE if dropped else ShareResult.UNCLEAR
        except CallAudioError as error:
            if picture_id and is_first and not error.retryable:
                return await self._without_picture(delivery)
            # Refused in so many words: nothing happened, so the next try need not ask after it;
            # unless an earlier one was lost, which may still come to light.
            if is_first and not await self._log.change(
                delivery, {"share_tried_at": None}, when=_same_try(delivery)
            ):
                return ShareResult.UNCLEAR  # another worker's try may have come about
            raise
        return await self._stands(delivery)

    async def _without_picture(self, delivery: Delivery) -> ShareResult:
        """Let go of a picture that may be what Slack refused, for the recording's sake."""
        log.info("picture_dropped", delivery_id=delivery.id)
        changed = await self._log.change(
            delivery,
            {"picture_file_id": None, "share_tried_at": None},
            when=_same_try(delivery),
        )
        return ShareResult.ANEW if changed else ShareResult.UNCLEAR

    async def _stands(self, delivery: Delivery) -> ShareResult:
        """Take a share back that was made on a word no longer true.

        A worker that stood still between its decision and its share may have been taken over, and
        the upload dropped, in between.
        """
        now = await self._log.read(delivery.id)
        dropped = now.file_id != delivery.file_id or now.state in (State.REFUSED, State.FAILED)
        if not dropped:
            return ShareResult.SHARED
        # First stored: nobody else knows by now that these files are there to be seen.
        await self._log.leave_files(delivery)
        try:
            await delete_files(self._slack, delivery.file_ids)
        except CallAudioError as error:
            log.warning("dropped_share_left", delivery_id=delivery.id, code=error.code)
        return ShareResult.GONE

    async def _tightened(self, delivery: Delivery, ruling: Ruling) -> bool:
        """Where the new decision is stricter, drop the upload and store it."""
        decision = ruling.decision
        if not is_stricter(decision, delivery.outcome or Outcome.REFUSED):
            return False
        if delivery.share_tried_at:
            # It may have been completed unseen. One never completed Slack discards by itself.
            await delete_files(self._slack, delivery.file_ids)
        await self._log.change(
            delivery,
            {**decided(ruling), **NO_UPLOAD},
            tag=AuditTag.DELIVERY_TIGHTENED,
            payload={
                "from": delivery.outcome,
                "to": decision.outcome.value,
                "reason": decision.reason.value,
                "dropped_file_id": delivery.file_id,
                **audited_facts(ruling.facts),
            },
            # Never over what another worker has stored since; that is then judged by the next try.
            when={**_same_try(delivery), "outcome": delivery.outcome},
            # A worker that stands still in its try to share may yet complete it, and be killed.
            leaves_files=delivery.share_tried_at is not None,
        )
        return True


def _same_try(delivery: Delivery) -> dict[str, object]:
    """Spell that no other worker has dropped the upload or tried to share it since it was read."""
    return {"file_id": delivery.file_id, "share_tried_at": delivery.share_tried_at}


def decided(ruling: Ruling) -> dict[str, str | bool | None]:
    """Spell a decision in columns."""
    return {
        "outcome": ruling.decision.outcome.value,
        "reason": ruling.decision.reason.value,
        "destination_is_private": ruling.facts.destination_is_private,
        "state": State.DECIDED.value,
    }
