"""Refuses people of other workspaces, and audits that in the bot's own workspace."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from bot.access.administration import Actor
from bot.audit.events import AuditEvent, AuditTag, PayloadValue
from bot.audit.log import record_refusal
from bot.recordings.requests.requester import Outsider
from bot.store.database import Database


class WorkspaceMembership:
    """Checks whether people belong to the bot's own workspace, and audits refusals."""

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

    async def require_member(self, actor: Actor, name: str, channel_id: str | None) -> None:
        """Refuse people of other workspaces; the audit names what they tried, ``name``.

        Raises:
            Outsider: the person belongs to another workspace.
        """
        if actor.team_id == await self._home_team():
            return
        payload = {"name": name, "code": Outsider.code, "channel_id": channel_id}
        await self.note(AuditTag.REQUEST_REFUSED, actor.user_id, actor.team_id, payload)
        raise Outsider(
            what="callaudio is for the people of the workspace that it is installed in.",
            likely_cause="You belong to another workspace.",
        )

    async def note(
        self, tag: AuditTag, user_id: str, team_id: str, payload: Mapping[str, PayloadValue]
    ) -> None:
        """Record the refusal of a person of any workspace."""
        home = await self._home_team()
        from_elsewhere = {} if team_id == home else {"actor_team_id": team_id}
        await record_refusal(
            self._database,
            AuditEvent(
                tag=tag,
                team_id=home,
                actor_id=user_id,
                occurred_at=self._clock(),
                payload={**payload, **from_elsewhere},
            ),
        )
