"""`canary thaw`: deliveries of redacted recordings resume after a freeze."""

from typing import Annotated

import typer

from bot.cli import console
from bot.recordings.redaction.canary_store import CanaryStore
from bot.wiring.clock import utc_now


def build() -> typer.Typer:
    """Build the subcommands."""
    cli = typer.Typer(
        help="Resume deliveries of redacted recordings after a freeze.", no_args_is_help=True
    )
    cli.command("thaw")(thaw)
    return cli


def thaw(
    reason: Annotated[str, typer.Option("--reason", help="Kept in the audit log as typed.")],
) -> None:
    """Lift every freeze; ends with 1 if there is none."""
    why = console.given_reason(reason)

    async def work() -> int:
        async with console.store() as database:
            store = CanaryStore(database=database, clock=utc_now)
            return await store.thaw(console.operator(), why)

    console.say(f"Thawed: {console.run_async(work())}.")
