"""Rights: how many hold each by grant, and whether anybody may hear raw."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, not_, select

from bot.access.grants import Effect, Right, in_force
from bot.access.grants_in_force import read_grants_in_force
from bot.cli.checks.finding import Finding, Status
from bot.settings.model import Settings
from bot.store.database import Database
from bot.store.tables import GrantRow


@dataclass(frozen=True, slots=True)
class CountedGrants:
    """How many people or groups hold each right by grant, not counting CALLAUDIO_ADMINS."""

    admins: int = 0
    pii: int = 0
    denied_admins: frozenset[str] = frozenset()
    """The people in CALLAUDIO_ADMINS to whom `admin` is denied by name."""


async def count_grants(
    database: Database,
    first_admins: frozenset[str],
    team_id: str | None,
    clock: Callable[[], datetime],
) -> CountedGrants:
    """Count the holders in a workspace; in all if ``team_id`` is None: Slack did not answer."""
    is_first_admin = and_(
        GrantRow.right == Right.ADMIN.value, GrantRow.subject_id.in_(sorted(first_admins))
    )
    now = clock()
    counted = select(GrantRow.right, func.count(GrantRow.subject_id.distinct())).where(
        GrantRow.effect == Effect.GRANT.value, in_force(now), not_(is_first_admin)
    )
    if team_id:
        counted = counted.where(GrantRow.team_id == team_id)
    async with database.read() as session:
        rows = (await session.execute(counted.group_by(GrantRow.right))).all()
        denied = (
            (await read_grants_in_force(session, team_id, Right.ADMIN, first_admins, now)).denied
            if team_id
            else frozenset[str]()
        )
    holders = {row[0]: row[1] for row in rows}
    return CountedGrants(holders.get(Right.ADMIN.value, 0), holders.get(Right.PII.value, 0), denied)


def check_raw(
    number: int, settings: Settings, team_id: str | None, refused: Collection[str] = ()
) -> list[Finding]:
    """Report how many may hear raw, if there is a raw key; the fix is the command that adds one.

    ``refused``: the people in CALLAUDIO_ADMINS who cannot be admins; the command names none of
    them.
    """
    named = settings.polyai_agents.values()
    if not settings.polyai_pii_api_key and not any(each.pii_api_key for each in named):
        return []
    someone = min(settings.callaudio_admins.difference(refused), default="U…")
    return [_may_hear(number, team_id or "T…", someone)]


def _may_hear(number: int, team_id: str, user_id: str) -> Finding:
    if number:
        who = "1 person or group" if number == 1 else f"{number} people or groups"
        return Finding("who may hear raw", Status.OK, who)
    fix = (
        f"callaudio grants add --team {team_id} --user {user_id} --right pii "
        '--reason "call quality review"'
    )
    return Finding("who may hear raw", Status.SET, "nobody yet: every recording is redacted", fix)
