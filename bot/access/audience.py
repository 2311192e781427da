"""Whether every human who would hear a recording is cleared for raw."""

from collections.abc import AsyncIterator
from itertools import chain

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

    It stops at the first human who is known not to be cleared. Whether a user is a bot is
    remembered in the store; a person's rights are read each time.
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
        bots = await self._known_bots(team_id)
        seen, is_doubtful = 0, False
        async for some in _growing(members.pages()):
            seen += len(some)
            if seen > self._max_audience:
                return Audience.TOO_LARGE
            listeners = tuple(each for each in some if each not in bots)
            heard = await self._classify(team_id, listeners, is_doubtful=is_doubtful)
            if heard is Audience.NOT_CLEARED:
                return heard
            is_doubtful = is_doubtful or heard is Audience.UNKNOWN
        # An empty list is no proof that nobody listens.
        return Audience.CLEARED if seen and not is_doubtful else Audience.UNKNOWN

    async def _classify(
        self, team_id: str, user_ids: tuple[str, ...], *, is_doubtful: bool
    ) -> Audience:
        """Classify some of the members; one in doubt is enough, more need not be asked after.

        The quick question comes first. Known bots are none of them: they hold nothing, and one is
        wherever the bot itself is.
        """
        if await self._rights.all_by_name(team_id, Right.PII, user_ids):
            return Audience.CLEARED
        held = await self._rights.holders(team_id, Right.PII, user_ids)
        rest = frozenset(user_ids) - held.everyone
        if not rest:
            return Audience.CLEARED
        if await self._holds_a_human(team_id, rest - held.unknown):
            return Audience.NOT_CLEARED
        if is_doubtful or await self._holds_a_human(team_id, rest & held.unknown):
            return Audience.UNKNOWN
        return Audience.CLEARED

    async def _known_bots(self, team_id: str) -> frozenset[str]:
        query = select(BotUserRow.user_id).where(BotUserRow.team_id == team_id)
        async with self._database.read() as session:
            return frozenset(await session.scalars(query))

    async def _holds_a_human(self, team_id: str, user_ids: frozenset[str]) -> bool:
        for user_id in sorted(user_ids):
            if await self._directory.standing(user_id) is not Standing.BOT:
                return True
            await self._remember_bot(team_id, user_id)
        return False

    async def _remember_bot(self, team_id: str, user_id: str) -> None:
        try:
            async with self._database.write() as session:
                await session.execute(insert(BotUserRow).values(team_id=team_id, user_id=user_id))
        except IntegrityError:
            return  # another decision learnt it at the same time


async def _growing(pages: AsyncIterator[tuple[str, ...]]) -> AsyncIterator[tuple[str, ...]]:
    """Give one page, then four together, then sixteen: few questions, few pages read in vain."""
    gathered: list[tuple[str, ...]] = []
    wanted = 1
    async for page in pages:
        gathered.append(page)
        if len(gathered) == wanted:
            yield tuple(chain.from_iterable(gathered))
            gathered, wanted = [], wanted * 4
    if gathered:
        yield tuple(chain.from_iterable(gathered))
