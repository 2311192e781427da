"""Takes raw recordings back when their time is over or somebody can hear them who may not.

Deletes whatever somebody who may do so asked to delete, too.

The store says what is visible and when to look again; a look that fails is repeated. So an event
that never came, a refused deletion and a killed worker only delay.
"""

from datetime import datetime, timedelta
from typing import Final

from bot.access.deciding import Decider
from bot.access.policy import Exposure
from bot.errors import CallAudioError
from bot.logs import get_logger
from bot.recordings.causes import Cause
from bot.recordings.due_files import DueFiles
from bot.recordings.left_files import LeftFiles
from bot.recordings.naming import announcement_of
from bot.recordings.posting import Posting, TakenBack, delete_files
from bot.recordings.raw_files import Doubt, RawFiles
from bot.recordings.record import Delivery
from bot.recordings.shares_check import PassedOn, SharesCheck
from bot.recordings.states import State
from bot.store.due_work import Due

log = get_logger(__name__)

# Slack does not always answer; a file is not deleted for one missing answer, but for lasting doubt.
LONGEST_DOUBT: Final = timedelta(minutes=15)
LOOK_EVERY: Final = timedelta(seconds=60)


CAUSES: Final = {
    Exposure.RIGHT_ENDED: Cause.RIGHT_ENDED,
    Exposure.EXTERNAL: Cause.EXTERNAL,
    Exposure.PUBLIC: Cause.PUBLIC,
    Exposure.AUDIENCE: Cause.AUDIENCE,
}


class Retention:
    """Looks at visible raw recordings and takes back what must not stay."""

    def __init__(
        self,
        *,
        due: DueFiles,
        files: RawFiles,
        left_files: LeftFiles,
        decider: Decider,
        posting: Posting,
    ) -> None:
        self._due = due
        self._files = files
        self._left_files = left_files
        self._decider = decider
        self._posting = posting
        self._shares = SharesCheck(decider=decider, posting=posting)
        self._looked_at: set[str] = set()
        self._is_asking_for_shares = False

    async def look(self) -> bool:
        """See to the most urgent of what is due; gives whether there was anything.

        Several may be under way: none waits for another, and no conversation is in two of them.
        """
        claimed = await self._due.claim(except_in=self._looked_at)
        unsettled = [each for each in claimed if not await self._run_errand(each)]
        if unsettled:
            await self._look_around(unsettled)
        return await self._look_at_shares() or bool(claimed)

    async def _look_at_shares(self) -> bool:
        """See whether one file was passed on, if it is time; gives whether it was.

        One at a time: however long Slack takes for it, the other looks go on.
        """
        if self._is_asking_for_shares:
            return False
        self._is_asking_for_shares = True
        try:
            delivery = await self._due.claim_for_shares()
            if delivery is None:
                return False
            found = await self._shares.look(delivery)
            if isinstance(found, PassedOn):
                # Taken back like what somebody asked to delete, by whichever worker comes first.
                await self._files.order_take_back(delivery, found)
            else:
                await self._settle(delivery, found, Doubt.SHARES)
        finally:
            self._is_asking_for_shares = False
        return True

    async def delete_left(self, due: Due) -> datetime | None:
        """Delete a file that no delivery holds any more; gives when to do so again."""
        file = await self._left_files.read(due.key)
        if file is None:
            return None
        try:
            await self._posting.delete_file(file.file_id)
            if await self._left_files.deleted(file, Cause.UNFINISHED.value):
                return None
        except CallAudioError as error:
            log.warning("left_file_stays", delivery_id=file.delivery_id, code=error.code)
        return self._files.clock() + self._due.rhythm.look_every

    async def _run_errand(self, delivery: Delivery) -> bool:
        """Do what needs no look at the conversation; gives whether that was all."""
        if delivery.taken_back_at:
            await self._tell(delivery, str(delivery.taken_back_cause))
            return True
        cause = self._plain_cause(delivery)
        if cause:
            await self._take_back(delivery, cause)
        return cause is not None

    async def _look_around(self, deliveries: list[Delivery]) -> None:
        """Look at one conversation, once for all its files; nothing learnt outlives the look."""
        team_id, channel_id = deliveries[0].team_id, deliveries[0].channel_id or ""
        self._looked_at.add(channel_id)
        try:
            holds_transcripts = any(each.is_transcript for each in deliveries)
            around = await self._decider.survey(team_id, channel_id, raw_only=holds_transcripts)
            judged = {
                (user_id, raw_only): await self._decider.judge(
                    team_id, user_id, around, raw_only=raw_only
                )
                for user_id, raw_only in {(each.user_id, each.is_transcript) for each in deliveries}
            }
            for each in deliveries:
                exposure = judged[each.user_id, each.is_transcript]
                await self._settle(each, exposure, Doubt.CONVERSATION)
        finally:
            self._looked_at.discard(channel_id)

    async def _settle(self, delivery: Delivery, found: Exposure, subject: Doubt) -> None:
        if found is Exposure.FINE:
            await self._files.trust(delivery, subject)
            return
        cause = CAUSES.get(found)
        if cause is None:
            since = await self._files.doubt(delivery, subject)
            if self._files.clock() - since < LONGEST_DOUBT:
                return
            cause = Cause.DOUBT
        await self._take_back(delivery, cause)

    async def _take_back(self, delivery: Delivery, cause: Cause) -> None:
        try:
            await delete_files(self._posting, delivery.file_ids)
        except CallAudioError as error:
            log.warning("take_back_delayed", delivery_id=delivery.id, code=error.code)
            return
        if await self._files.taken_back(delivery, cause.value):
            await self._tell(delivery, cause.value)

    async def _tell(self, delivery: Delivery, cause: str) -> None:
        """Say on the card that the file is gone; while Slack is away, once more in a while."""
        if delivery.card_ts and delivery.channel_id and cause != Cause.UNFINISHED:
            by = delivery.delete_asked_by if cause == Cause.ASKED else None
            taken = TakenBack(announcement_of(delivery), cause, deleted_by=by)
            try:
                await self._posting.show_taken_back(delivery.card_ts, taken)
            except CallAudioError as error:
                log.warning("taken_back_unsaid", delivery_id=delivery.id, code=error.code)
                if error.retryable:
                    return
        await self._files.told(delivery)

    def _plain_cause(self, delivery: Delivery) -> Cause | None:
        if delivery.delete_asked_by:
            return Cause.ASKED
        if delivery.state is State.FAILED:
            return Cause.UNFINISHED
        if delivery.taken_back_cause:
            return Cause(delivery.taken_back_cause)
        return Cause.TIME_OVER if self._due.is_over(delivery) else None
