"""Takes raw recordings back when their retention ends or an uncleared person can hear them.

It also deletes files that authorized people asked to delete, and redacted ones that were found to
be unsafe (``deliveries/unsafe_redacted_files.py`` orders that).

The store holds what is visible and when to check it again; a failed check is repeated. So a lost
event, a refused deletion or a killed worker only causes a delay.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from bot.access.exposure import Exposure
from bot.access.policy_evaluation import PolicyEvaluator
from bot.audit.events import PayloadValue
from bot.errors import CallAudioError
from bot.observability.logs import get_logger
from bot.recordings.deliveries.delivery import Delivery, State
from bot.recordings.deliveries.file_check_schedule import IN_TURN
from bot.recordings.deliveries.naming import announcement_of
from bot.recordings.deliveries.orphaned_files import OrphanedFiles
from bot.recordings.deliveries.slack_errors import FileUnseen
from bot.recordings.deliveries.slack_files import delete_files
from bot.recordings.deliveries.slack_port import SlackPort, TakenBack
from bot.recordings.deliveries.take_back_causes import TakeBackCause
from bot.recordings.take_back.due_files import DueFiles
from bot.recordings.take_back.forwarded_files import ForbiddenShare, ForwardedFiles
from bot.recordings.take_back.redacted_follow_ups import RedactedFollowUps
from bot.recordings.take_back.take_back_store import TakeBackStore, UnverifiedFact
from bot.store.due_work import Due

log = get_logger(__name__)

# Slack does not always answer: a file is deleted only if its facts stay unverified for long.
LONGEST_UNVERIFIED: Final = timedelta(minutes=15)
CHECK_EVERY: Final = timedelta(seconds=60)
UNSEEN_TRIES: Final = 24 * 60
"""After a day of tries the audit records that the bot does not see a file to delete."""
UNSEEN_EVERY: Final = timedelta(days=1)
"""From then on its deletion is tried this often: the bot may see it again."""

CAUSES: Final = {
    Exposure.RIGHT_ENDED: TakeBackCause.RIGHT_ENDED,
    Exposure.EXTERNAL: TakeBackCause.EXTERNAL,
    Exposure.PUBLIC: TakeBackCause.PUBLIC,
    Exposure.AUDIENCE: TakeBackCause.AUDIENCE,
}


class TakeBack:
    """Checks visible raw recordings, and deletes them and ordered files that must not stay."""

    def __init__(
        self,
        *,
        due: DueFiles,
        files: TakeBackStore,
        orphaned_files: OrphanedFiles,
        evaluator: PolicyEvaluator,
        slack: SlackPort,
        follow_ups: RedactedFollowUps,
    ) -> None:
        self._due = due
        self._files = files
        self._orphaned_files = orphaned_files
        self._evaluator = evaluator
        self._slack = slack
        self._follow_ups = follow_ups
        self._shares = ForwardedFiles(evaluator=evaluator, slack=slack)

    async def check_audience(self, due: Due) -> datetime | None:
        """Check one conversation, once for all its raw files; returns when to check again."""
        team_id, _, channel_id = due.key.partition("/")
        deliveries = await self._due.in_conversation(team_id, channel_id)
        if not deliveries:
            return None
        over = [each for each in deliveries if self._due.has_retention_ended(each)]
        # Separately, so that it does not wait for a conversation for which Slack is slow.
        await self._files.schedule_take_back(over)
        staying = [each for each in deliveries if each not in over]
        if staying:
            since = self._due.check_schedule.began_after(due, self._files.clock())
            await self._check_conversations(team_id, channel_id, staying, since)
        return self._in_a_while()

    async def check_shares(self, due: Due) -> datetime | None:
        """Check whether one file was forwarded; returns when the next file is due."""
        is_in_turn = due.key == IN_TURN
        delivery = await (self._due.next_in_turn() if is_in_turn else self._due.by_id(due.key))
        if delivery:
            began_after = self._due.check_schedule.began_after
            since = None if is_in_turn else began_after(due, self._files.clock())
            await self._check_shares_of(delivery, since)
        return await self._due.next_turn_at() if is_in_turn else None

    async def delete_visible(self, due: Due) -> datetime | None:
        """Delete files unconditionally, and update the card; returns when to try again."""
        delivery = await self._due.to_delete(due.key)
        if delivery is None:
            return None
        if delivery.taken_back_at:
            is_done = await self._notify(delivery, str(delivery.taken_back_cause))
            return None if is_done else self._in_a_while()
        cause = self._plain_cause(delivery)
        if cause is None:
            return self._due.retention_ends_at(delivery)
        error = await self._take_back(delivery, cause)
        if error is None:
            return None
        since = self._due.retention_ends_at(delivery)
        if cause is TakeBackCause.TIME_OVER and since:
            # Otherwise each check of its conversation would schedule the deletion again.
            again_at = self._in_a_while()
            await self._files.store_cause(delivery, cause.value, since, again_at=again_at)
        file_id, channel_id = delivery.file_id, delivery.channel_id
        payload = {"file_id": file_id, "channel_id": channel_id, "cause": cause.value}
        return await self._again_at(due, error, delivery.team_id, delivery.id, payload)

    async def delete_orphaned(self, due: Due) -> datetime | None:
        """Delete an orphaned file; returns when to delete it again."""
        file = await self._orphaned_files.read(due.key)
        if file is None:
            return None
        try:
            await self._slack.delete_file(file.file_id, file.channel_id)
            if await self._orphaned_files.remove_deleted(file, TakeBackCause.UNFINISHED.value):
                return None
        except CallAudioError as error:
            log.warning("orphaned_file_not_deleted", delivery_id=file.delivery_id, code=error.code)
            cause = TakeBackCause.UNFINISHED.value
            payload = {"file_id": file.file_id, "channel_id": file.channel_id, "cause": cause}
            return await self._again_at(due, error, file.team_id, file.delivery_id, payload)
        return self._in_a_while()

    async def _again_at(
        self,
        due: Due,
        error: CallAudioError,
        team_id: str,
        delivery_id: str,
        unseen: Mapping[str, PayloadValue],
    ) -> datetime:
        """Return when to try a deletion again; after a day, record once that the file is unseen."""
        if due.tries < UNSEEN_TRIES or not isinstance(error, FileUnseen):
            return self._in_a_while()
        await self._files.record_unseen(team_id, delivery_id, unseen)
        return self._files.clock() + UNSEEN_EVERY

    def _in_a_while(self) -> datetime:
        return self._files.clock() + self._due.check_schedule.check_every

    async def _check_conversations(
        self, team_id: str, channel_id: str, deliveries: list[Delivery], since: datetime
    ) -> None:
        """Check the files of a conversation; no fact is cached beyond this check."""
        holds_transcripts = any(each.is_transcript for each in deliveries)
        facts = await self._evaluator.conversation_facts(
            team_id, channel_id, raw_only=holds_transcripts
        )
        exposures = {
            (user_id, raw_only): await self._evaluator.exposure(
                team_id, user_id, facts, raw_only=raw_only
            )
            for user_id, raw_only in {(each.user_id, each.is_transcript) for each in deliveries}
        }
        for each in deliveries:
            exposure = exposures[each.user_id, each.is_transcript]
            await self._settle(each, exposure, UnverifiedFact.CONVERSATION, since)

    async def _check_shares_of(self, delivery: Delivery, since: datetime | None) -> None:
        """Check one file; ``since``: the event's time, None without an event."""
        now = self._files.clock()
        places = await self._shares.find(delivery)
        found: ForbiddenShare | Exposure = Exposure.UNVERIFIED
        if places is not None:
            # Before they are checked, so that an event about one of them is never too early.
            await self._files.note_places(delivery, places)
            found = await self._shares.check(delivery, places)
        if isinstance(found, ForbiddenShare):
            # Retried like a requested deletion, however often Slack refuses it.
            shared_at = found.place and found.place.shared_at
            await self._files.order_take_back(delivery, found, since or shared_at or now)
        else:
            await self._settle(delivery, found, UnverifiedFact.SHARES, since or now)

    async def _settle(
        self, delivery: Delivery, found: Exposure, subject: UnverifiedFact, since: datetime
    ) -> None:
        """Store what a check found; ``since``: when that began, at the earliest."""
        if found is Exposure.FINE:
            await self._files.mark_verified(delivery, subject)
            return
        cause = CAUSES.get(found)
        if cause is None:
            since = await self._files.mark_unverified(delivery, subject) + LONGEST_UNVERIFIED
            if self._files.clock() < since:
                return
            cause = TakeBackCause.UNVERIFIED
        since = max(since, delivery.ended_at or since)
        await self._files.store_cause(delivery, cause.value, since, again_at=self._in_a_while())
        await self._take_back(delivery, cause)

    async def _take_back(self, delivery: Delivery, cause: TakeBackCause) -> CallAudioError | None:
        """Delete the files and update the card; returns why they were not deleted, if so."""
        try:
            await delete_files(self._slack, delivery.file_ids, delivery.channel_id)
        except CallAudioError as error:
            log.warning("take_back_delayed", delivery_id=delivery.id, code=error.code)
            return error
        is_over = cause is TakeBackCause.TIME_OVER
        gone = await self._files.taken_back(
            delivery,
            cause.value,
            since=self._due.retention_ends_at(delivery) if is_over else delivery.ended_at,
            update_card_by=self._in_a_while(),
            then=self._follow_ups.store,
        )
        if gone:
            await self._notify(gone, str(gone.taken_back_cause))
        return None

    async def _notify(self, delivery: Delivery, cause: str) -> bool:
        """Show on the card that the file is gone; returns whether no retry is needed.

        After its own end, the delivery that follows updates the card instead.
        """
        follower = await self._follow_ups.follower_of(delivery)
        is_its_card = cause != TakeBackCause.UNFINISHED and not (follower and follower.has_ended)
        if delivery.card_ts and delivery.channel_id and is_its_card:
            taken = TakenBack(
                announcement_of(delivery),
                cause,
                deleted_by=delivery.delete_asked_by,
                is_followed=follower is not None,
            )
            try:
                await self._slack.show_taken_back(delivery.card_ts, taken)
            except CallAudioError as error:
                log.warning("take_back_not_shown", delivery_id=delivery.id, code=error.code)
                if error.retryable:
                    return False
        await self._files.card_updated(delivery, follower)
        return True

    def _plain_cause(self, delivery: Delivery) -> TakeBackCause | None:
        if delivery.delete_asked_by:
            return TakeBackCause.ASKED
        if delivery.state is State.FAILED:
            return TakeBackCause.UNFINISHED
        if delivery.taken_back_cause:
            return TakeBackCause(delivery.taken_back_cause)
        return TakeBackCause.TIME_OVER if self._due.has_retention_ended(delivery) else None
