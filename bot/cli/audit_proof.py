"""`audit verify|seal`: the proof that no event is missing, and retention that preserves it."""

import json
import re
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import Progress

from bot.audit.chain import Checkpoint, Head
from bot.audit.findings import ChainFinding, plain
from bot.audit.seal import Sealed, seal
from bot.audit.snapshot import snapshot
from bot.audit.verify import count_events, heads, seals, verify
from bot.cli import console
from bot.cli.options import Before, Team
from bot.slack.wording import counted
from bot.text.characters import printable
from bot.wiring.clock import utc_now

ANCHOR: Final = re.compile(r"(?P<team>[^:]+):(?P<seq>[0-9]{1,18}):(?P<hash>[0-9A-Fa-f]{64})")


def verify_(
    anchor: Annotated[
        list[str] | None, typer.Option("--anchor", help="T…:seq:hash, written down earlier")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Verify the chains, and rights and deliveries against them; ends with 1 on any fault."""
    anchors = tuple(_anchor(text) for text in anchor or [])

    async def work() -> _Proof:
        async with console.store() as database, snapshot(database) as session:
            progress = Progress(
                console=Console(stderr=True),
                transient=True,
                disable=as_json or not sys.stderr.isatty(),
            )
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
            return _Proof(found, await seals(session), await heads(session))

    proof = console.run_async(work())
    typer.echo(proof.as_json() if as_json else printable(proof.in_words()), nl=as_json)
    if proof.found:
        raise typer.Exit(console.FAILED)


@dataclass(frozen=True, slots=True)
class _Proof:
    """The result of `verify`."""

    found: list[ChainFinding]
    seals: list[Checkpoint]
    heads: list[Head]

    def as_json(self) -> str:
        return json.dumps(
            {
                "faults": [
                    {"team": f.team_id, "seq": f.seq, "fault": f.fault, "says": f.says}
                    for f in self.found
                ],
                "seals": [
                    {"team": s.team_id, "seq": s.seq, "at": _time(s.sealed_at), "by": s.sealed_by}
                    for s in self.seals
                ],
                "heads": [_head_text(head) for head in self.heads],
            }
        )

    def in_words(self) -> str:
        lines = [
            f"{f.team_id} {'-' if f.seq is None else f.seq} {f.fault}: {f.says}" for f in self.found
        ]
        lines += [
            f"sealed {plain(s.team_id)}:{s.seq} at {_time(s.sealed_at)} by {plain(s.sealed_by)}"
            for s in self.seals
        ]
        lines += [f"head {plain(_head_text(head))}" for head in self.heads]
        if not lines:
            lines.append("The chain is empty: nothing has been recorded yet.")
        return "".join(f"{line}\n" for line in lines)


def seal_(team: Team, before: Before) -> None:
    """Remove events older than a date; a sealed checkpoint keeps the rest provable.

    First verify with your anchors. Then write down the anchor that this command prints.
    """
    now = utc_now()
    if before > now:
        raise console.complain("--before is in the future.", code=console.BAD_USAGE)

    async def work() -> Sealed | None:
        async with console.store() as database, database.write() as session:
            return await seal(session, team, before=before, by=console.operator(), now=now)

    sealed = console.run_async(work())
    if sealed is None:
        typer.echo("There are no older events; nothing was sealed.")
        return
    console.say(f"Sealed; {counted(sealed.removed, 'event')} removed.")
    console.say(f"anchor {_head_text(sealed.anchor)}")


def _anchor(text: str) -> Head:
    read = ANCHOR.fullmatch(text)
    if not read:
        raise console.complain(
            f"--anchor: `{text}` does not read T…:number:hash.", code=console.BAD_USAGE
        )
    return Head(read["team"], int(read["seq"]), read["hash"].lower())


def _head_text(head: Head) -> str:
    return f"{head.team_id}:{head.seq}:{head.hash}"


def _time(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")
