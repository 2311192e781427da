"""Rights: whether anybody is an admin, and whether anybody may hear raw."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import and_, func, not_, select

from bot.access.grants import Effect, Right, in_force
from bot.cli.checks.finding import Finding, Status
from bot.settings.model import Settings
from bot.store.database import Database
from bot.store.tables import GrantRow


async def check_rights(
    database: Database, settings: Settings, team_id: str | None, clock: Callable[[], datetime]
) -> list[Finding]:
    """Count the holders of each right; without any, the fix is the command that adds one.

    ``team_id`` is Slack's answer; None if Slack did not answer.
    """
    first_admins = settings.callaudio_admins
    is_first_admin = and_(
        GrantRow.right == Right.ADMIN.value, GrantRow.subject_id.in_(sorted(first_admins))
    )
    counted = select(GrantRow.right, func.count(GrantRow.subject_id.distinct())).where(
        GrantRow.effect == Effect.GRANT.value, in_force(clock()), not_(is_first_admin)
    )
    if team_id:
        counted = counted.where(GrantRow.team_id == team_id)
    async with database.read() as session:
        rows = (await session.execute(counted.group_by(GrantRow.right))).all()
    holders = {row[0]: row[1] for row in rows}
    found = [_admins(holders.get(Right.ADMIN.value, 0) + len(first_admins))]
    named = settings.polyai_agents.values()
    if settings.polyai_pii_api_key or any(each.pii_api_key for each in named):
        someone = min(first_admins, default="U…")
        found.append(_pii_holders(holders.get(Right.PII.value, 0), team_id or "T…", someone))
    return found


def _admins(number: int) -> Finding:
    if number:
        return Finding("admins", Status.OK, f"{number} by grant or by CALLAUDIO_ADMINS")
    fix = "Set CALLAUDIO_ADMINS to your own id: in Slack, your profile → ⋮ → Copy member ID."
    return Finding("admins", Status.SET, "nobody can give rights in Slack", fix)


def _pii_holders(number: int, team_id: str, user_id: str) -> Finding:
    if number:
        who = "1 person or group" if number == 1 else f"{number} people or groups"
        return Finding("who may hear raw", Status.OK, who)
    fix = (
        f"callaudio grants add --team {team_id} --user {user_id} --right pii "
        '--reason "call quality review"'
    )
    return Finding("who may hear raw", Status.SET, "nobody yet: every recording is redacted", fix)
