"""Whether callaudio is for a person at all, and which of their rights count."""

from bot.access.directory import Directory
from bot.access.grants import Right
from bot.access.person import People, Person
from bot.access.policy import belongs
from bot.access.rights import Rights
from bot.errors import CallAudioError
from bot.logs import get_logger

log = get_logger(__name__)


class Admission:
    """Reads what counts for people by the first rule of the decision, afresh at each call."""

    def __init__(self, *, people: People, rights: Rights, directory: Directory) -> None:
        self._people = people
        self._rights = rights
        self._directory = directory

    async def holds(self, team_id: str, right: Right, user_id: str) -> bool:
        """Tell whether a right counts for somebody: for members, and for guests by their name.

        The right is asked first, for most people hold none.

        Raises:
            CallAudioError: Slack does not tell who somebody with the right is.
        """
        held = await self._rights.holders(team_id, right, {user_id})
        if user_id not in held.everyone:
            return False
        standing = await self._directory.standing(user_id)
        return belongs(standing, by_name=user_id in held.by_name)

    async def read(self, team_id: str, user_id: str) -> Person | None:
        """Give a member with all their rights, a guest with those that are theirs by name.

        None for everybody else, a guest without such a right among them.

        Raises:
            CallAudioError: Slack does not tell who it is.
        """
        standing = await self._directory.standing(user_id)
        person = await self._people.read(team_id, user_id)
        if belongs(standing, by_name=False):
            return person
        counted = [
            right
            for right in person.held
            if user_id in (await self._rights.holders(team_id, right, {user_id})).by_name
        ]
        if not belongs(standing, by_name=bool(counted)):
            return None
        return Person(frozenset(counted), person.grants)

    async def read_if_known(self, team_id: str, user_id: str) -> Person | None:
        """Do as ``read`` does, and give None also where Slack does not tell who it is."""
        try:
            return await self.read(team_id, user_id)
        except CallAudioError as error:
            log.warning("fact_unknown", fact="standing", code=error.code)
            return None
