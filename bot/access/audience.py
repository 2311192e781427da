"""Whether every human who would hear a recording may hear raw."""

from collections.abc import AsyncIterator, Collection, Mapping
from itertools import chain

from bot.access.directory import Conversation, Members
from bot.access.grants import Right
from bot.access.policy import Audience, RightHeld, Standing, may_listen
from bot.access.rights import Rights
from bot.access.standings import Standings
from bot.concurrency.gather import both


class AudienceReader:
    """Reads an audience: each listener is judged by the rule that judges requesters.

    Rights are read each time. Stored standings count for ``STANDING_VALID_FOR``. Slack is asked for
    the others until the answer is known: one listener who is not cleared ends the search, and of
    people without a grant it only matters whether they are bots.
    """

    def __init__(self, *, rights: Rights, standings: Standings, max_audience: int) -> None:
        self._rights = rights
        self._standings = standings
        self._max_audience = max_audience

    async def read(self, team_id: str, conversation: Conversation, members: Members) -> Audience:
        """Classify the audience of one conversation.

        Raises:
            CallAudioError: Slack did not answer; the audience is then unknown.
        """
        # The member list decides. The count includes bots; it only avoids reading a list too long.
        count = conversation.member_count
        if count is not None and count > self._max_audience:
            return Audience.TOO_LARGE
        seen, has_unknown = 0, False
        async for some in _growing(members.pages()):
            seen += len(some)
            if seen > self._max_audience:
                return Audience.TOO_LARGE
            heard = await self._classify(team_id, some)
            if heard is Audience.NOT_CLEARED:
                return heard
            has_unknown = has_unknown or heard is Audience.UNKNOWN
        # Slack may return an empty list by mistake, so it does not count as cleared.
        return Audience.CLEARED if seen and not has_unknown else Audience.UNKNOWN

    async def not_cleared(self, team_id: str, members: Members, limit: int) -> tuple[str, ...]:
        """List the first listeners who are not cleared, for an admin.

        Raises:
            CallAudioError: Slack did not answer.
        """
        found: list[str] = []
        seen = 0
        async for page in members.pages():
            seen += len(page)
            if seen > self._max_audience:
                break
            holders, known = await self._known(team_id, page)
            found += _refused(known, holders)
            if len(found) < limit:
                async for learnt in self._standings.learn(team_id, set(page) - known.keys()):
                    found += _refused(learnt, holders)
                    if len(found) >= limit:
                        break
            if len(found) >= limit:
                break
        return tuple(found[:limit])

    async def _known(
        self, team_id: str, user_ids: Collection[str]
    ) -> tuple[dict[str, RightHeld], dict[str, Standing]]:
        """Read the grants and the stored standings of people."""
        return await both(
            self._rights.holders(team_id, Right.PII, user_ids),
            self._standings.stored(team_id, user_ids),
        )

    async def _classify(self, team_id: str, user_ids: tuple[str, ...]) -> Audience:
        """Classify some members: by stored standings, then by asking Slack about the rest."""
        holders, known = await self._known(team_id, user_ids)
        heard = _worst(known, holders)
        if heard is Audience.NOT_CLEARED:
            return heard
        has_unknown = heard is Audience.UNKNOWN
        unknown = frozenset(user_ids) - known.keys()
        # People without a grant first: if one of them is human, not all are cleared.
        for some in (unknown - holders.keys(), unknown & holders.keys()):
            async for learnt in self._standings.learn(team_id, some):
                heard = _worst(learnt, holders)
                if heard is Audience.NOT_CLEARED:
                    return heard
                has_unknown = has_unknown or heard is Audience.UNKNOWN
        return Audience.UNKNOWN if has_unknown else Audience.CLEARED


def _worst(standings: Mapping[str, Standing | None], holders: Mapping[str, RightHeld]) -> Audience:
    """Classify people by their standings; None: Slack did not return the standing."""
    found = {may_listen(standings[each], holders.get(each, RightHeld.NOT)) for each in standings}
    if False in found:
        return Audience.NOT_CLEARED
    return Audience.UNKNOWN if None in found else Audience.CLEARED


def _refused(
    standings: Mapping[str, Standing | None], holders: Mapping[str, RightHeld]
) -> list[str]:
    return [
        each
        for each in sorted(standings)
        if may_listen(standings[each], holders.get(each, RightHeld.NOT)) is False
    ]


async def _growing(pages: AsyncIterator[tuple[str, ...]]) -> AsyncIterator[tuple[str, ...]]:
    """Yield one page, then four together, then sixteen: few queries, and few unneeded pages."""
    gathered: list[tuple[str, ...]] = []
    wanted = 1
    async for page in pages:
        gathered.append(page)
        if len(gathered) == wanted:
            yield tuple(chain.from_iterable(gathered))
            gathered, wanted = [], wanted * 4
    if gathered:
        yield tuple(chain.from_iterable(gathered))
