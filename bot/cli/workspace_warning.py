"""Warns of a workspace id that is probably mistyped, without asking Slack."""

from bot.cli import console
from bot.recordings.deliveries.past_deliveries import workspaces_with_deliveries
from bot.store.database import Database


async def warn_of_unused_workspace(database: Database, team_id: str, *, undo: str) -> None:
    """Warn if recordings were requested in other workspaces only; ``undo`` is a command.

    It is no error: several workspaces may share a database, and the first right of one is given
    before anybody uses the bot there.
    """
    async with database.read() as session:
        used = await workspaces_with_deliveries(session)
    if used and team_id not in used:
        console.note(
            f"In workspace {team_id} nobody has requested a recording yet, only in "
            f"{', '.join(sorted(used))}.",
            f"If the id is wrong, run `{undo}`, and repeat this command with the right id.",
        )
