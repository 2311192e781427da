"""The work that a change of rights in a workspace makes due."""

from bot.home.home_store import HomeStore
from bot.recordings.take_back.early_file_checks import EarlyFileChecks
from bot.store.due_work import Due


class RightsChangeWorkflow:
    """Makes the checks due of raw files and Homes that depend on the rights of a workspace."""

    def __init__(self, *, early_checks: EarlyFileChecks, home_store: HomeStore) -> None:
        self._early_checks = early_checks
        self._home_store = home_store

    async def run(self, due: Due) -> None:
        """Make the checks of one workspace due now."""
        await self._early_checks.check_now(due.key)
        await self._home_store.check_now(due.key)
