"""`evidence`: the audit events of a conversation or a period, as a verifiable pack."""

from pathlib import Path
from typing import Annotated

import typer

from bot.audit.log import AuditFilter
from bot.audit.snapshot import snapshot
from bot.cli import console
from bot.cli.options import Since, Until
from bot.recordings.evidence.evidence_pack import Packed, pack

DEFAULT_FILE = Path("callaudio-evidence.zip")
NOTHING_PACKED = "No event is in it: check the id, the dates and DATABASE_URL, and remove the file."


def evidence(
    conversation: Annotated[str | None, typer.Argument(help="PolyAI's id of a call.")] = None,
    *,
    since: Since = None,
    until: Until = None,
    out: Annotated[Path, typer.Option("--out", help="Not written over.")] = DEFAULT_FILE,
) -> None:
    """Pack the audit events of a call or period; ends with 1 if there are none or on any fault."""
    if conversation is None and since is None and until is None:
        raise console.complain("Name a conversation or a period.", code=console.BAD_USAGE)
    wanted = AuditFilter(since=since, until=until, conversation_id=conversation)

    async def work() -> Packed:
        async with console.store() as database, snapshot(database) as session:
            return await pack(session, out, wanted)

    try:
        packed = console.run_async(work())
    except OSError as error:
        why = f"{out} cannot be written: {type(error).__name__}."
        raise console.complain(why, code=console.FAILED) from None
    console.say(f"{out}: {packed.events} events. Verify with `python verify.py`, which is in it.")
    for head in packed.heads:
        console.say(f"head {head}")
    for fault in packed.faults:
        console.say(f"fault {fault}")
    if not packed.events:
        raise console.complain(NOTHING_PACKED, code=console.FAILED)
    if packed.faults:
        raise typer.Exit(console.FAILED)
