"""While the plain key is known to bring raw recordings, nothing that it brings is delivered."""

from functools import cache

from sqlalchemy import Executable, select

from bot.errors import CallAudioError
from bot.store.database import Database
from bot.store.tables import CanaryRow


class DeliveriesFrozen(CallAudioError):
    """A redacted recording was about to be delivered, and may be a raw one."""

    code = "deliveries_frozen"
    what = "Redacted recordings are not delivered at the moment."
    likely_cause = "The key that must bring redacted recordings alone was found to bring raw ones."
    fix = "Ask an admin of callaudio to look at it; `callaudio doctor` says what was found."


class Freeze:
    """Tells whether deliveries are frozen; the store tells every process the same."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_on(self) -> bool:
        """Tell whether anything is frozen now."""
        return bool(await self._database.rows(_frozen()))

    async def refuse(self) -> None:
        """Let nothing pass that the plain key would bring.

        Raises:
            DeliveriesFrozen: it is on.
        """
        if await self.is_on():
            raise DeliveriesFrozen


# Spelled once: spelling it costs SQLAlchemy as much as running it, and each redacted delivery asks.
@cache
def _frozen() -> Executable:
    return select(CanaryRow.conversation).where(CanaryRow.frozen_at.is_not(None)).limit(1)
