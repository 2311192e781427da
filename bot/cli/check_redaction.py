"""`check-redaction`: whether a redacted recording equals the raw one with spans muted."""

import logging
from contextlib import AsyncExitStack
from typing import Annotated, Any, Final

import typer

from bot.cli import console
from bot.cli.options import AsJson
from bot.observability.logs import configure_logging
from bot.polyai.client import PolyAIClient
from bot.polyai.http import HttpGet
from bot.polyai.payloads import Direction
from bot.recordings.audio.spans import Span, SpanSummary
from bot.recordings.deliveries.redaction_safety import Verdict
from bot.recordings.redaction.check_store import Check, CheckCause
from bot.recordings.redaction.outcome import Comparison, described
from bot.recordings.references.agents import choose_agent
from bot.recordings.references.reference import Reference, parse_reference
from bot.text.time_spans import parse_time_span
from bot.wiring.clock import utc_now
from bot.wiring.core import DatabaseNotMigrated, open_core
from bot.wiring.redaction import build_redaction

COLUMNS: Final = ("conversation", "verdict", "says")


def check_redaction(
    conversation: Annotated[str, typer.Argument(help="A call, as people name it.")],
    *,
    direction: Annotated[Direction, typer.Option(help="Whose voice.")] = Direction.COMBINED,
    span: Annotated[
        list[str] | None,
        typer.Option(help="A moment that must be muted, such as 0:05.2-0:10.4; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare a redacted recording with the raw one, in memory; ends with 0 only if proven."""
    try:
        must_be_muted = [Span(*parse_time_span(each)) for each in span or ()]
    except ValueError as error:
        raise console.complain(f"--span: {error}.", code=console.BAD_USAGE) from None
    with console.value_of("CONVERSATION"):
        reference = parse_reference(conversation)
    found = console.run_async(_compare(reference, direction, must_be_muted))
    console.print_rows([_shown(conversation, found)], COLUMNS, as_json=as_json)
    if found.verdict is not Verdict.PROVEN:
        raise typer.Exit(console.FAILED)


async def _compare(
    reference: Reference, direction: Direction, must_be_muted: list[Span]
) -> Comparison:
    settings = console.settings()
    level = logging.WARNING  # only the answer is printed, no log of the calls
    configure_logging(settings.callaudio_log_format, settings.secret_values, level=level)
    async with AsyncExitStack() as stack:
        try:
            core = await open_core(stack, settings, utc_now)
        except DatabaseNotMigrated:
            raise console.complain(console.MIGRATE_FIRST, code=console.FAILED) from None
        with console.value_of("CONVERSATION"):
            agent = choose_agent(core.agents, reference)
        redaction = build_redaction(core, PolyAIClient(HttpGet(core.http, clock=utc_now)))
        check = Check(
            await core.identity.team_id(),
            CheckCause.ASKED,
            agent.name,
            reference.conversation_id,
            asked_by=console.operator(),
            direction=direction,
        )
        began_at = core.clock()
        found = await redaction.checks.compare(check, must_be_muted)
        await redaction.store.add_ended(check, found, began_at=began_at)
        return found


def _shown(conversation: str, found: Comparison) -> dict[str, Any]:
    return {
        "conversation": conversation,
        "verdict": found.verdict.value,
        "says": described(found),
        "doubt": found.uncertainty.value if found.uncertainty else None,
        "length_seconds": round(found.length_seconds, 3),
        "muted": _spans(found.muted),
        "heard": _spans(found.heard),
        "heard_db": found.heard_db,
    }


def _spans(spans: SpanSummary) -> dict[str, Any]:
    where = [[round(each.start_seconds, 3), round(each.end_seconds, 3)] for each in spans.kept]
    return {"count": spans.count, "seconds": round(spans.seconds, 3), "where": where}
