"""Admins lift a freeze of deliveries, with a reason."""

from bot.access.administration import Actor, Administration
from bot.recordings.redaction.canary_store import CanaryStore


class Thawing:
    """Lifts freezes from Slack."""

    def __init__(self, *, administration: Administration, store: CanaryStore) -> None:
        self._administration = administration
        self._store = store

    async def thaw(self, actor: Actor, reason: str) -> None:
        """Lift every freeze of the workspace.

        Raises:
            NotAdmin: the actor is not an admin.
            NothingFrozen: nothing is frozen.
            AlreadyDone: the freeze was lifted for the same trigger before.
        """
        await self._administration.require_admin(actor, "thaw")
        await self._store.thaw(
            actor.user_id, reason, team_id=actor.team_id, trigger_id=actor.trigger_id
        )
