"""Members of Slack user groups, cached for a short while (docs: usergroups.users.list)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bot.access.group_changes import GroupChanges
from bot.errors import CallAudioError
from bot.network.paging import Pages
from bot.slack.web_api.api import SlackApi, next_cursor

# The method may be called 20 times a minute (tier 2), and a decision may need several groups.
STANDING_VALID_FOR: Final = timedelta(seconds=60)
MAX_PAGES: Final = 100


@dataclass(frozen=True, slots=True)
class _Remembered:
    members: frozenset[str]
    read_at: datetime
    changed_at: datetime | None
    """The last change of the group that was stored before it was read."""


class SlackGroups:
    """Answers from a cache until the group changes, or a minute has passed."""

    def __init__(self, api: SlackApi, changes: GroupChanges, clock: Callable[[], datetime]) -> None:
        self._api = api
        self._changes = changes
        self._clock = clock
        self._remembered: dict[tuple[str, str], _Remembered] = {}

    async def members(self, team_id: str, group_id: str) -> frozenset[str]:
        """List a group's members.

        Raises:
            CallAudioError: Slack does not answer, or its list does not end.
        """
        # Read before the call, so that a change during the call makes the answer stale. Compared
        # with what was stored then, not with a time here: the clocks of two machines differ.
        changed_at = await self._changes.latest(team_id, group_id)
        known = self._remembered.get((team_id, group_id))
        if known and self._is_recent(known) and known.changed_at == changed_at:
            return known.members
        read_at = self._clock()
        members = await self._list(group_id)
        still_used = (each for each in self._remembered.items() if self._is_recent(each[1]))
        self._remembered = dict(still_used) | {
            (team_id, group_id): _Remembered(members, read_at, changed_at)
        }
        return members

    def _is_recent(self, known: _Remembered) -> bool:
        age = self._clock() - known.read_at
        return timedelta(0) <= age < STANDING_VALID_FOR  # negative: the clock was set back

    async def _list(self, group_id: str) -> frozenset[str]:
        """Read the members now. Slack documents no paging here, but a cursor is followed.

        An incomplete list would omit people whom a deny names.
        """

        def fetch(cursor: str | None) -> Awaitable[Mapping[str, Any]]:
            return self._api.call_with_retries(
                "usergroups.users.list", usergroup=group_id, cursor=cursor
            )

        pages = Pages(fetch, following=next_cursor, shows=_users, max_pages=MAX_PAGES)
        return frozenset([str(each) async for page in pages for each in _users(page)])


def _users(page: Mapping[str, Any]) -> list[Any]:
    ids = page.get("users")
    if not isinstance(ids, list):
        raise CallAudioError(what="Slack did not list the group's members.")
    return ids
