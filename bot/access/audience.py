"""Whether every human who would hear a recording is cleared for raw."""

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from bot.access.directory import Conversation, Directory
from bot.access.grants import Right
from bot.access.members import Members
from bot.access.policy import Audience, Standing
from bot.access.rights import Rights
from bot.store.database import Database
from bot.store.tables import BotUserRow


class AudienceReader:
    """Reads an audience: members without the right first, then whether they are human.

    It stops at the first human who is not cleared. Whether a user is a bot is remembered in the
    store; a person's rights are read each time.
    """

    def __init__(
        self,
        *,
        database: Database,
        directory: Directory,
        rights: Rights,
        max_audience: int,
    ) -> None:
        self._database = database
        self._directory = directory
        self._rights = rights
        self._max_audience = max_audience

    async def read(self, team_id: str, conversation: Conversation, members: Members) -> Audience:
        """Classify the audience of one conversation.

        Raises:
            CallAudioError: Slack did not answer; the audience is then unknown.
        """
        # The list is the fact; the count, bots included, only spares reading a list too long.
        count = conversation.member_count
        if count is not None and count > self._max_audience:
            return Audience.TOO_LARGE
        seen = 0
        async for page in members.pages():
            seen += len(page)
            if seen > self._max_audience:
                return Audience.TOO_LARGE
            if not await self._all_cleared(team_id, page):
                return Audience.NOT_CLEARED
        # An empty list is no proof that nobody listens.
        return Audience.CLEARED if seen else Audience.UNKNOWN

    async def _all_cleared(self, team_id: str, user_ids: tuple[str, ...]) -> bool:
        cleared = (await self._rights.holders(team_id, Right.PII, user_ids)).everyone
        async with self._database.read() as session:
            known = await session.scalars(
                select(BotUserRow.user_id).where(
                    BotUserRow.team_id == team_id, BotUserRow.user_id.in_(user_ids)
                )
            )
            rest = set(user_ids) - cleared - set(known)
        for user_id in sorted(rest):
            if await self._directory.standing(user_id) is not Standing.BOT:
                return False
            await self._remember_bot(team_id, user_id)
        return True

    async def _remember_bot(self, team_id: str, user_id: str) -> None:
        try:
            async with self._database.write() as session:
                await session.execute(insert(BotUserRow).values(team_id=team_id, user_id=user_id))
        except IntegrityError:
            return  # another decision learnt it at the same time
