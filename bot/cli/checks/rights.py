"""Rights: who is admin, by CALLAUDIO_ADMINS or by grant, and whether anybody may hear raw."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import and_, func, not_, select

from bot.access.directory import Directory
from bot.access.grants import Effect, Right, in_force
from bot.access.grants_in_force import read_grants_in_force
from bot.access.policy import RightHeld, Standing, counts
from bot.cli.checks import finding
from bot.cli.checks.finding import Finding, Status, unchecked
from bot.concurrency.gather import every
from bot.errors import CallAudioError
from bot.settings.model import Settings
from bot.slack.web_api.errors import PersonUnknown
from bot.store.database import Database
from bot.store.tables import GrantRow

ADMINS: Final = "admins"
MOST_ASKED: Final = 50
"""Slack allows about a hundred look-ups a minute, for all processes together."""
FIND_ID: Final = "in Slack, your profile → ⋮ → Copy member ID"
_SAYS: Final[Mapping[Standing, str]] = {
    Standing.BOT: "{} is a bot",
    Standing.DEACTIVATED: "{} is deactivated",
    Standing.EXTERNAL: "{} is of another organisation",
}


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


@dataclass(frozen=True, slots=True)
class FirstAdmins:
    """The people in CALLAUDIO_ADMINS, as Slack knows them."""

    refused: Mapping[str, str]
    """Why some cannot be admins, in words, by id."""
    unknown: tuple[str, ...]
    """The ids about which Slack did not answer."""


async def read_first_admins(directory: Directory, user_ids: Collection[str]) -> FirstAdmins:
    """Ask Slack about each person, at the same time and for a limited time."""
    ids = sorted(user_ids)
    asked, rest = ids[:MOST_ASKED], ids[MOST_ASKED:]
    found = dict(zip(asked, await every(_refusal(directory, each) for each in asked), strict=True))
    return FirstAdmins(
        refused={user_id: says for user_id, says in found.items() if says},
        unknown=(*(user_id for user_id, says in found.items() if says is None), *rest),
    )


async def _refusal(directory: Directory, user_id: str) -> str | None:
    """Return why a person cannot be admin, empty if they can; None: unknown."""
    try:
        async with asyncio.timeout(finding.CHECK_SECONDS):
            standing = await directory.standing(user_id)
    except PersonUnknown:
        return f"Slack knows no {user_id}"
    except (CallAudioError, TimeoutError):
        return None
    is_admin = counts(standing, RightHeld.BY_NAME)
    return _SAYS[standing].format(user_id) if is_admin is False else "" if is_admin else None


def check_admins(
    named: frozenset[str], answered: FirstAdmins | None, grants: CountedGrants | None
) -> Finding:
    """Report the admins; None: Slack was not asked, or the store could not be read."""
    if named and answered is None:
        return unchecked(ADMINS, "Slack")
    if answered and answered.refused:
        says = f"CALLAUDIO_ADMINS: {'; '.join(answered.refused.values())}"
        fix = f"Correct CALLAUDIO_ADMINS ({FIND_ID}), and restart callaudio."
        return Finding(ADMINS, Status.WRONG, says, fix)
    if answered and answered.unknown:
        says = f"Slack did not say who {', '.join(answered.unknown)} is"
        return Finding(ADMINS, Status.UNCHECKED, says)
    if not named and grants is None:
        return unchecked(ADMINS, "database")
    known = grants or CountedGrants()
    if number := len(named - known.denied_admins) + known.admins:
        return Finding(ADMINS, Status.OK, f"{number} by grant or by CALLAUDIO_ADMINS")
    if named:
        says = "`admin` is denied to all in CALLAUDIO_ADMINS: nobody can give rights in Slack"
        fix = "`callaudio grants list` shows the deny; end it with `callaudio grants revoke`."
        return Finding(ADMINS, Status.SET, says, fix)
    says = "CALLAUDIO_ADMINS is empty: nobody can give rights in Slack"
    return Finding(ADMINS, Status.SET, says, f"Set CALLAUDIO_ADMINS to your own id: {FIND_ID}.")


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
    what = "who may hear raw"
    if number:
        who = "1 person or group" if number == 1 else f"{number} people or groups"
        return [Finding(what, Status.OK, who)]
    someone = min(settings.callaudio_admins.difference(refused), default="U…")
    fix = (
        f"callaudio grants add --team {team_id or 'T…'} --user {someone} --right pii "
        '--reason "call quality review"'
    )
    return [Finding(what, Status.SET, "nobody yet: every recording is redacted", fix)]
