"""Who belongs to the bot's workspace; what others tried is audited there, not where they belong."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from bot.audit.events import AuditEvent, AuditTag, PayloadValue
from bot.audit.log import record
from bot.recordings.asker import Asker, Outsider
from bot.store.database import Database


class Insiders:
    """Tells the people of the bot's own workspace from others, and writes to its audit."""

    def __init__(
        self,
        *,
        database: Database,
        home_team: Callable[[], Awaitable[str]],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._home_team = home_team
        self._clock = clock

    async def admit(self, asker: Asker, button: str, payload: Mapping[str, PayloadValue]) -> None:
        """Let people of the workspace pass; anybody else's press is audited.

        Raises:
            Outsider: they are of another workspace.
        """
        if asker.team_id == await self._home_team():
            return
        refused = Outsider()
        told = {"button": button, "code": refused.code, "channel_id": asker.channel_id, **payload}
        await self.note(AuditTag.BUTTON_REFUSED, asker.user_id, asker.team_id, told)
        raise refused

    async def note(
        self, tag: AuditTag, user_id: str, team_id: str, payload: Mapping[str, PayloadValue]
    ) -> None:
        """Record what somebody, of whatever workspace, was refused."""
        home = await self._home_team()
        from_elsewhere = {} if team_id == home else {"actor_team_id": team_id}
        async with self._database.write() as session:
            await record(
                session,
                AuditEvent(
                    tag=tag,
                    team_id=home,
                    actor_id=user_id,
                    occurred_at=self._clock(),
                    payload={**payload, **from_elsewhere},
                ),
            )
