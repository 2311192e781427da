"""Time zones: whether this machine knows those of the digests."""

from zoneinfo import available_timezones

from sqlalchemy import select

from bot.cli.checks.finding import Finding, Status
from bot.store.database import Database
from bot.store.tables import DigestRow

WHAT = "time zones"


async def check_zones(database: Database) -> list[Finding]:
    """Look up the zone of each digest."""
    async with database.read() as session:
        rows = (await session.execute(select(DigestRow.zone, DigestRow.id))).all()
    known = available_timezones()
    if unknown := sorted({zone for zone, _ in rows if zone not in known}):
        says = f"unknown to this machine, so their digests do not come: {', '.join(unknown)}"
        return [Finding(WHAT, Status.WRONG, says, "pip install --upgrade tzdata")]
    return [Finding(WHAT, Status.OK, f"{len(known)} known, those of all digests among them")]
