"""Who is admin: by CALLAUDIO_ADMINS, which Slack has to confirm, or by grant."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from bot.access.directory import Directory
from bot.access.policy import RightHeld, Standing, counts
from bot.cli.checks import finding
from bot.cli.checks.finding import Finding, Status, unchecked
from bot.cli.checks.rights import CountedGrants
from bot.concurrency.gather import every
from bot.errors import CallAudioError
from bot.slack.web_api.errors import PersonUnknown

WHAT: Final = "admins"
MOST_ASKED: Final = 50
"""Slack allows about a hundred look-ups a minute, for all processes together."""
FIND_ID: Final = "in Slack, your profile → ⋮ → Copy member ID"
_SAYS: Final[Mapping[Standing, str]] = {
    Standing.BOT: "{} is a bot",
    Standing.DEACTIVATED: "{} is deactivated",
    Standing.EXTERNAL: "{} is of another organisation",
}


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
        return unchecked(WHAT, "Slack")
    if answered and answered.refused:
        says = f"CALLAUDIO_ADMINS: {'; '.join(answered.refused.values())}"
        fix = f"Correct CALLAUDIO_ADMINS ({FIND_ID}), and restart callaudio."
        return Finding(WHAT, Status.WRONG, says, fix)
    if answered and answered.unknown:
        says = f"Slack did not say who {', '.join(answered.unknown)} is"
        return Finding(WHAT, Status.UNCHECKED, says)
    if not named and grants is None:
        return unchecked(WHAT, "database")
    known = grants or CountedGrants()
    if number := len(named - known.denied_admins) + known.admins:
        return Finding(WHAT, Status.OK, f"{number} by grant or by CALLAUDIO_ADMINS")
    if named:
        says = "`admin` is denied to all in CALLAUDIO_ADMINS: nobody can give rights in Slack"
        fix = "`callaudio grants list` shows the deny; end it with `callaudio grants revoke`."
        return Finding(WHAT, Status.SET, says, fix)
    says = "CALLAUDIO_ADMINS is empty: nobody can give rights in Slack"
    return Finding(WHAT, Status.SET, says, f"Set CALLAUDIO_ADMINS to your own id: {FIND_ID}.")
