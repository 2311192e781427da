"""Takes raw recordings back when their time is over or somebody may no longer hear them.

Deletes whatever somebody who may do so asked to delete, too.

The store says what is visible and when to look again; a look that fails is repeated. So an event
that never came, a refused deletion and a killed worker only delay.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from bot.access.deciding import Decider, Question
from bot.access.policy import Exposure, exposure
from bot.errors import CallAudioError
from bot.logs import get_logger
from bot.polyai.agents import Agent
from bot.recordings.left_files import LeftFiles
from bot.recordings.naming import announcement_of
from bot.recordings.posting import Posting, TakenBack, delete_files
from bot.recordings.raw_files import RawFiles
from bot.recordings.record import Delivery
from bot.recordings.states import State

log = get_logger(__name__)

# Slack does not always answer; a file is not deleted for one missing answer, but for lasting doubt.
LONGEST_DOUBT: Final = timedelta(minutes=15)
LOOK_EVERY: Final = timedelta(seconds=60)


class Cause(StrEnum):
    """Why a raw recording was taken back."""

    TIME_OVER = "time_over"
    RIGHT_ENDED = "right_ended"
    EXTERNAL = "external"
    AUDIENCE = "audience"
    DOUBT = "doubt"
    UNFINISHED = "unfinished"
    ASKED = "asked"


CAUSES: Final = {
    Exposure.RIGHT_ENDED: Cause.RIGHT_ENDED,
    Exposure.EXTERNAL: Cause.EXTERNAL,
    Exposure.AUDIENCE: Cause.AUDIENCE,
}


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How long raw recordings stay, and how often each is looked at."""

    keep: timedelta | None
    """None: for ever, as far as time goes."""
    look_every: timedelta = LOOK_EVERY


class Retention:
    """Looks at visible raw recordings and takes back what must not stay."""

    def __init__(
        self,
        *,
        files: RawFiles,
        left_files: LeftFiles,
        decider: Decider,
        posting: Posting,
        agents: Mapping[str, Agent],
        rule: RetentionRule,
    ) -> None:
        self._files = files
        self._left_files = left_files
        self._decider = decider
        self._posting = posting
        self._agents = agents
        self._rule = rule

    async def look(self, limit: int) -> int:
        """Look at the files that are due; gives how many recordings and left files those were."""
        due = await self._files.claim_due(limit, self._rule.look_every)
        for delivery in due:
            try:
                await self._look_at(delivery)
            except CallAudioError as error:
                log.warning("take_back_delayed", delivery_id=delivery.id, code=error.code)
        left = await self._left_files.claim_due(limit, self._rule.look_every)
        for file in left:
            try:
                await self._posting.delete_file(file.file_id)
                await self._left_files.deleted(file, Cause.UNFINISHED.value)
            except CallAudioError as error:
                log.warning("left_file_stays", delivery_id=file.delivery_id, code=error.code)
        return len(due) + len(left)

    async def _look_at(self, delivery: Delivery) -> None:
        if delivery.taken_back_at:
            await self._tell(delivery, str(delivery.taken_back_cause))
            return
        cause = await self._cause(delivery)
        if cause is None:
            return
        await delete_files(self._posting, delivery.file_ids)
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

    async def _cause(self, delivery: Delivery) -> Cause | None:
        if delivery.delete_asked_by:
            return Cause.ASKED
        if delivery.state is State.FAILED:
            return Cause.UNFINISHED
        if self._is_over(delivery, self._files.clock()):
            return Cause.TIME_OVER
        facts = await self._decider.survey(self._question(delivery))
        found = exposure(facts)
        if found in CAUSES:
            return CAUSES[found]
        if found is Exposure.FINE:
            await self._files.trust(delivery)
            return None
        since = await self._files.doubt(delivery)
        return Cause.DOUBT if self._files.clock() - since >= LONGEST_DOUBT else None

    def _is_over(self, delivery: Delivery, now: datetime) -> bool:
        ended_at = delivery.ended_at
        return (
            self._rule.keep is not None
            and ended_at is not None
            and now - ended_at >= self._rule.keep
        )

    def _question(self, delivery: Delivery) -> Question:
        return Question(
            team_id=delivery.team_id,
            user_id=delivery.user_id,
            channel_id=delivery.channel_id or "",
            asked_redacted=False,
            has_raw_key=delivery.agent_name in self._agents,
            raw_only=delivery.is_transcript,
        )
