"""Checks what the rights of a workspace allowed, after they changed."""

from bot.home.home_store import HomeStore
from bot.recordings.take_back.early_file_checks import EarlyFileChecks
from bot.store.due_work import Due


async def recheck_rights(early_checks: EarlyFileChecks, home_store: HomeStore, due: Due) -> None:
    """Make the checks of one workspace due now: of its raw files, and of its Homes."""
    await early_checks.check_now(due.key)
    await home_store.check_now(due.key)
