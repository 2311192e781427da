"""`audit list`: what happened, in ids."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from bot.audit.log import AuditFilter, read_events
from bot.cli import console


def build() -> typer.Typer:
    """Build the subcommands."""
    cli = typer.Typer(help="Read the audit events.", no_args_is_help=True)
    cli.callback()(_group)
    cli.command("list")(list_)
    return cli


def _group() -> None:
    """Read the audit events."""


def list_(
    since: Annotated[datetime | None, typer.Option(help="UTC")] = None,
    until: Annotated[datetime | None, typer.Option(help="UTC")] = None,
    user: Annotated[str | None, typer.Option("--user", help="Who acted.")] = None,
    delivery: Annotated[str | None, typer.Option("--delivery", help="Reference id.")] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """List the newest events, oldest of them first."""
    wanted = AuditFilter(
        since=since.replace(tzinfo=UTC) if since else None,
        until=until.replace(tzinfo=UTC) if until else None,
        actor_id=user,
        delivery_id=delivery,
        limit=limit,
    )

    async def work() -> list[dict[str, Any]]:
        async with console.store() as database, database.read() as session:
            return [
                {
                    "id": row.id,
                    "at": row.occurred_at.isoformat(timespec="milliseconds"),
                    "tag": row.tag,
                    "actor": row.actor_id,
                    "delivery": row.delivery_id,
                    "payload": row.payload if as_json else json.dumps(row.payload),
                }
                for row in await read_events(session, wanted)
            ]

    columns = ("id", "at", "tag", "actor", "delivery", "payload")
    console.print_rows(console.run_async(work()), columns, as_json=as_json)
