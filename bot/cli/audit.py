"""`audit list|export`: the audit events."""

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from psycopg import DataError

from bot.audit.log import AuditFilter, all_events, newest_events
from bot.audit.snapshot import snapshot
from bot.cli import audit_proof, console
from bot.cli.options import AsJson, Since, Until
from bot.recordings.deliveries.past_deliveries import deliveries_of_call
from bot.store.tables import AuditEventRow
from bot.text.characters import printable

User = Annotated[str | None, typer.Option("--user", help="Who acted, or whom it was about.")]
Delivery = Annotated[str | None, typer.Option("--delivery", help="Reference id.")]
Conversation = Annotated[str | None, typer.Option("--conversation", help="PolyAI's id.")]

COLUMNS = ("team", "seq", "at", "tag", "actor", "delivery", "payload")


class Format(StrEnum):
    """The format of an export."""

    JSONL = "jsonl"
    CSV = "csv"


def build() -> typer.Typer:
    """Build the subcommands."""
    cli = typer.Typer(help="List, export, verify and seal the audit events.", no_args_is_help=True)
    cli.command("list")(list_)
    cli.command("export")(export)
    cli.command("verify")(audit_proof.verify_)
    cli.command("seal")(audit_proof.seal_)
    return cli


def list_(
    since: Since = None,
    until: Until = None,
    user: User = None,
    delivery: Delivery = None,
    conversation: Conversation = None,
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    as_json: AsJson = False,
) -> None:
    """List the newest events, oldest of them first."""
    wanted = _filter(since, until, user, delivery, conversation)

    async def work() -> list[dict[str, Any]]:
        async with console.store() as database, snapshot(database) as session:
            return [_row(row) for row in await newest_events(session, wanted, limit)]

    with _unreadable_rows_shown():
        rows = console.run_async(work())
        if not as_json:
            rows = [{**row, "payload": json.dumps(row["payload"])} for row in rows]
        console.print_rows(rows, COLUMNS, as_json=as_json)


def export(
    since: Since = None,
    until: Until = None,
    user: User = None,
    delivery: Delivery = None,
    conversation: Conversation = None,
    *,
    format_: Annotated[Format, typer.Option("--format")] = Format.JSONL,
) -> None:
    """Write every matching event to standard output, oldest first, hashes included."""
    wanted = _filter(since, until, user, delivery, conversation)

    async def work() -> None:
        columns = (*COLUMNS, "version", "previous_hash", "hash")
        writer = csv.DictWriter(sys.stdout, columns) if format_ is Format.CSV else None
        if writer:
            writer.writeheader()
        async with console.store() as database, snapshot(database) as session:
            async for row in all_events(session, wanted):
                full = {
                    **_row(row),
                    "version": row.version,
                    "previous_hash": row.previous_hash,
                    "hash": row.hash,
                }
                if writer:
                    full["payload"] = json.dumps(row.payload, sort_keys=True)
                    writer.writerow({name: _cell(full[name]) for name in columns})
                else:
                    sys.stdout.write(json.dumps(full) + "\n")

    with _unreadable_rows_shown():
        console.run_async(work())


@contextmanager
def _unreadable_rows_shown() -> Iterator[None]:
    """Report a row with content that the bot never writes, and end the command with 1."""
    try:
        yield
    except (ValueError, TypeError, RecursionError, DataError):
        raise console.complain(
            "An event cannot be read: somebody has changed it.",
            "Run `callaudio audit verify`, which names it.",
            code=console.FAILED,
        ) from None


def _filter(
    since: datetime | None,
    until: datetime | None,
    user: str | None,
    delivery: str | None,
    conversation: str | None,
) -> AuditFilter:
    return AuditFilter(
        since=since,
        until=until,
        actor_id=user,
        delivery_id=delivery,
        conversation_id=conversation,
        deliveries=deliveries_of_call(conversation) if conversation else None,
    )


def _cell(value: object) -> str | None:
    """Make a cell safe to print in a terminal; ``jsonl`` is exact, as it escapes by itself."""
    return None if value is None else printable(str(value), keep="")


def _row(row: AuditEventRow) -> dict[str, Any]:
    return {
        "team": row.team_id,
        "seq": row.seq,
        "at": row.occurred_at.isoformat(timespec="microseconds"),
        "tag": row.tag,
        "actor": row.actor_id,
        "delivery": row.delivery_id,
        "payload": row.payload,
    }
