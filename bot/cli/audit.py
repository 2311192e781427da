"""`audit list|export|verify|seal`: what happened, in ids, and the proof that it is all there."""

import csv
import getpass
import json
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from bot.audit.log import AuditFilter, all_events, newest_events
from bot.audit.seal import seal
from bot.audit.verify import Finding, Head, count_events, heads, verify
from bot.cli import console
from bot.store.tables import AuditEventRow
from bot.wiring.clock import utc_now

Since = Annotated[datetime | None, typer.Option("--since", help="UTC, included")]
Until = Annotated[datetime | None, typer.Option("--until", help="UTC, excluded")]
User = Annotated[str | None, typer.Option("--user", help="Who acted, or whom it was about.")]
Delivery = Annotated[str | None, typer.Option("--delivery", help="Reference id.")]
Conversation = Annotated[str | None, typer.Option("--conversation", help="PolyAI's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON array.")]

COLUMNS = ("team", "seq", "at", "tag", "actor", "delivery", "payload")


class Format(StrEnum):
    """How events are exported."""

    JSONL = "jsonl"
    CSV = "csv"


def build() -> typer.Typer:
    """Build the subcommands."""
    cli = typer.Typer(help="Read, export, prove and seal the audit events.", no_args_is_help=True)
    cli.command("list")(list_)
    cli.command("export")(export)
    cli.command("verify")(verify_)
    cli.command("seal")(seal_)
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
        async with console.store() as database, database.read() as session:
            return [_row(row) for row in await newest_events(session, wanted, limit)]

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
        async with console.store() as database, database.read() as session:
            async for row in all_events(session, wanted):
                full = {
                    **_row(row),
                    "version": row.version,
                    "previous_hash": row.previous_hash,
                    "hash": row.hash,
                }
                if writer:
                    writer.writerow({**full, "payload": json.dumps(row.payload, sort_keys=True)})
                else:
                    sys.stdout.write(json.dumps(full) + "\n")

    console.run_async(work())


def verify_(
    anchor: Annotated[
        list[str] | None, typer.Option("--anchor", help="T…:seq:hash, written down earlier")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Prove the chain; ends with 1 and names each place when something was tampered with."""
    anchors = tuple(_anchor(text) for text in anchor or [])

    async def work() -> tuple[list[Finding], list[Head]]:
        async with console.store() as database, database.read() as session:
            progress = Progress(console=Console(stderr=True), transient=True)
            with progress:
                task = progress.add_task("events", total=await count_events(session))
                found = [
                    finding
                    async for finding in verify(
                        session,
                        anchors=anchors,
                        on_progress=lambda steps: progress.advance(task, steps),
                    )
                ]
            return found, await heads(session)

    found, newest = console.run_async(work())
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "faults": [
                        {"team": f.team_id, "seq": f.seq, "fault": f.fault, "says": f.says}
                        for f in found
                    ],
                    "heads": [f"{head.team_id}:{head.seq}:{head.hash}" for head in newest],
                }
            )
        )
    else:
        for finding in found:
            typer.echo(f"{finding.team_id} {finding.seq} {finding.fault}: {finding.says}")
        for head in newest:
            typer.echo(f"head {head.team_id}:{head.seq}:{head.hash}")
    if found:
        raise typer.Exit(console.FAILED)


def seal_(
    team: Annotated[str, typer.Option("--team", help="Workspace id, T…")],
    before: Annotated[datetime, typer.Option("--before", help="UTC")],
) -> None:
    """Remove events older than a date; a sealed checkpoint keeps the rest provable."""

    async def work() -> int:
        async with console.store() as database, database.write() as session:
            return await seal(
                session,
                team,
                before=before.replace(tzinfo=UTC),
                by=f"cli:{getpass.getuser()}",
                now=utc_now(),
            )

    typer.echo(f"Sealed; {console.run_async(work())} events removed.")


def _filter(
    since: datetime | None,
    until: datetime | None,
    user: str | None,
    delivery: str | None,
    conversation: str | None,
) -> AuditFilter:
    return AuditFilter(
        since=since.replace(tzinfo=UTC) if since else None,
        until=until.replace(tzinfo=UTC) if until else None,
        actor_id=user,
        delivery_id=delivery,
        conversation_id=conversation,
    )


def _anchor(text: str) -> Head:
    team_id, _, rest = text.partition(":")
    seq, _, digest = rest.partition(":")
    if not team_id or not seq.isdigit() or len(digest) != len("0" * 64):
        raise console.complain("An anchor reads T…:number:hash.", code=console.BAD_USAGE)
    return Head(team_id, int(seq), digest)


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
