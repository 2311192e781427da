"""While the plain key is known to return raw recordings, redacted deliveries are frozen."""

from functools import cache

from sqlalchemy import Executable, select

from bot.errors import CallAudioError
from bot.store.database import Database
from bot.store.tables import CanaryRow


class DeliveriesFrozen(CallAudioError):
    """Deliveries are frozen: a redacted recording may be a raw one."""

    code = "deliveries_frozen"
    what = "Redacted recordings are not delivered at the moment."
    likely_cause = "The key for redacted recordings was found to return unredacted ones."
    fix = "Ask an admin of callaudio to check it; `callaudio doctor` shows the finding."


class Freeze:
    """Reads whether deliveries are frozen from the store, which all processes share."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_on(self) -> bool:
        """Return whether deliveries are frozen now."""
        return bool(await self._database.rows(_frozen()))

    async def refuse(self) -> None:
        """Refuse a redacted delivery while deliveries are frozen.

        Raises:
            DeliveriesFrozen: deliveries are frozen.
        """
        if await self.is_on():
            raise DeliveriesFrozen


# Built once: building it costs SQLAlchemy as much as running it, in each redacted delivery.
@cache
def _frozen() -> Executable:
    return select(CanaryRow.conversation).where(CanaryRow.frozen_at.is_not(None)).limit(1)
