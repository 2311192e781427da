"""Writes refusals to the audit."""

from bot.audit.events import AuditEvent
from bot.audit.log import record
from bot.store.database import Database


async def record_refusal(database: Database, event: AuditEvent) -> None:
    """Append a refusal in its own transaction: a refused action changes nothing else."""
    async with database.write() as session:
        await record(session, event)
