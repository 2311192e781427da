"""`doctor`: what is set up, what answers, and what to do about the rest."""

import asyncio
import os
from dataclasses import asdict
from typing import Annotated

import typer

from bot.cli import console
from bot.cli.checks.finding import Finding, Status
from bot.cli.checks.outside import check_outside
from bot.cli.checks.polyai import AgentChecks
from bot.cli.checks.slack import check_slack
from bot.cli.checks.store import check_store
from bot.environment import load_settings
from bot.logs import configure_logging
from bot.outbound import outbound_of
from bot.polyai.transport import build_http_client
from bot.recordings.agents import build_agents, choose_agent
from bot.recordings.reference import Reference, parse_reference
from bot.settings import Settings, SettingsError
from bot.wiring.clock import utc_now

COLUMNS = ("state", "what", "says", "fix")


def doctor(
    *,
    conversation: Annotated[
        str | None,
        typer.Option(help="A call, as people name it, by which its agent's keys are compared."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """Check settings, database, Slack and PolyAI; ends with 1 when something needs mending."""
    try:
        settings = load_settings(os.environ)
    except SettingsError as error:
        _print(
            [Finding("settings", Status.WRONG, each) for each in error.problems],
            as_json=as_json,
        )
        raise typer.Exit(console.BAD_USAGE) from None
    configure_logging(settings.callaudio_log_format, settings.secret_values)

    async def work() -> list[Finding]:
        reference = parse_reference(conversation) if conversation else None
        return await examine(settings, reference)

    findings = console.run_async(work())
    _print(findings, as_json=as_json)
    if any(each.state is Status.WRONG for each in findings):
        raise typer.Exit(console.FAILED)


def _print(findings: list[Finding], *, as_json: bool) -> None:
    console.print_rows([asdict(each) for each in findings], COLUMNS, as_json=as_json)


async def examine(settings: Settings, reference: Reference | None = None) -> list[Finding]:
    """Look at everything the bot needs, each on its own and all at once: none hides another.

    Raises:
        AgentNotConfigured: ``reference`` is about an agent that is not set up.
    """
    outbound = outbound_of(settings)
    agents = build_agents(settings)
    named = choose_agent(agents, reference) if reference else None
    async with build_http_client(4 * len(agents), outbound) as http:
        checks = AgentChecks(http, utc_now)
        parts = await asyncio.gather(
            check_store(settings.database_url),
            check_slack(settings, outbound, utc_now),
            *(
                checks.check(
                    agent,
                    has_account=settings.polyai_account_id is not None,
                    conversation_id=(
                        reference.conversation_id if reference and agent is named else None
                    ),
                )
                for agent in agents.values()
            ),
        )
    rule = f"{settings.callaudio_audience.value}, at most {settings.callaudio_max_audience}"
    rest = [*check_outside(settings), Finding("audience rule", Status.SET, rule)]
    return [each for part in (*parts, rest) for each in part]
