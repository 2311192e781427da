"""`doctor`: checks settings, database, Slack and PolyAI, and says what to fix."""

import logging
import os
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from bot.cli import console
from bot.cli.checks.finding import Finding, Status, without_consequences
from bot.cli.checks.polyai import AgentChecks
from bot.cli.checks.rights import check_admins, check_raw
from bot.cli.checks.slack import check_slack
from bot.cli.checks.store import check_store
from bot.cli.checks.stored import read_stored
from bot.cli.doctor_report import COLUMNS, report
from bot.concurrency.gather import both, every
from bot.network.outbound import outbound_of
from bot.observability.logs import configure_logging
from bot.polyai.transport import build_http_client
from bot.recordings.references.agents import build_agents, choose_agent
from bot.recordings.references.reference import Reference, parse_reference
from bot.settings.environment import ENV_FILE, load_settings
from bot.settings.model import NOT_SET, SettingProblem, Settings, SettingsError
from bot.wiring.clock import utc_now

EXAMPLE: Final = Path(".env.example")


def doctor(
    *,
    conversation: Annotated[
        str | None,
        typer.Option(help="A call, as people name it, by which its agent's keys are compared."),
    ] = None,
    blocks: Annotated[
        bool, typer.Option("--blocks", help="Have Slack judge one of each message; posts nothing.")
    ] = False,
    shows_all: Annotated[
        bool, typer.Option("--all", help="Also what is ok, and what is for information.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, of all.")] = False,
) -> None:
    """Check settings, database, Slack and PolyAI; ends with 1 if something is wrong."""
    try:
        settings = load_settings(os.environ)
    except SettingsError as error:
        _print(_of_settings(error.found), shows_all=shows_all, as_json=as_json)
        raise typer.Exit(console.BAD_USAGE) from None
    # The findings show the result of each call; log lines would be printed between them.
    level = logging.WARNING
    configure_logging(settings.callaudio_log_format, settings.secret_values, level=level)

    async def work() -> list[Finding]:
        with console.value_of("--conversation"):  # nothing else can be unusable
            reference = parse_reference(conversation) if conversation else None
            return await examine(settings, reference, tries_messages=blocks)

    findings = console.run_async(work())
    _print(findings, shows_all=shows_all, as_json=as_json)
    if any(each.state is Status.WRONG for each in findings):
        raise typer.Exit(console.FAILED)


def _of_settings(problems: tuple[SettingProblem, ...]) -> list[Finding]:
    found = []
    for each in problems:
        fix = f"{'Set' if each.fault == NOT_SET else 'Correct'} {each.name}: {each.fix}"
        found.append(Finding("settings", Status.WRONG, f"{each.name} {each.fault}", fix))
    if not ENV_FILE.exists():
        says = f"there is no file {ENV_FILE} in this folder, and the environment does not hold all"
        fix = (
            f"Run `cp {EXAMPLE} {ENV_FILE}`, and fill in what is required."
            if EXAMPLE.exists()
            else f"Write a file {ENV_FILE} here, with a line NAME=value for each setting below."
        )
        found.insert(0, Finding("settings", Status.WRONG, says, fix))
    return found


def _print(findings: list[Finding], *, shows_all: bool, as_json: bool) -> None:
    if as_json:
        rows = [{name: getattr(each, name) for name in COLUMNS} for each in findings]
        console.print_rows(rows, COLUMNS, as_json=True)
    else:
        typer.echo(report(findings, width=console.width(), shows_all=shows_all))


async def examine(
    settings: Settings, reference: Reference | None = None, *, tries_messages: bool = False
) -> list[Finding]:
    """Run all checks in parallel; the failure of one does not hide the others.

    The findings are in the order of setting up: the first fault is the one to fix first.

    Raises:
        AgentNotConfigured: ``reference`` names an agent that is not configured.
    """
    outbound = outbound_of(settings)
    agents = build_agents(settings)
    named = choose_agent(agents, reference) if reference else None
    async with build_http_client(4 * len(agents), outbound) as http:
        checks = AgentChecks(http, utc_now)
        polyai = every(
            checks.check(
                agent,
                has_account=settings.polyai_account_id is not None,
                conversation_id=(
                    reference.conversation_id if reference and agent is named else None
                ),
            )
            for agent in agents.values()
        )
        slack = check_slack(settings, outbound, utc_now, tries_messages=tries_messages)
        (in_store, in_slack), in_polyai = await both(
            both(check_store(settings.database_url), slack), polyai
        )
    rule = f"{settings.callaudio_audience.value}, at most {settings.callaudio_max_audience}"
    stored, grants = await read_stored(settings, in_store, in_slack.team_id, utc_now)
    admins = check_admins(settings.callaudio_admins, in_slack.first_admins, grants)
    refused = in_slack.first_admins.refused if in_slack.first_admins else ()
    raw = check_raw(grants.pii, settings, in_slack.team_id, refused) if grants else []
    parts = (
        _outside(settings),
        [admins],
        in_store,
        stored,
        in_slack.findings,
        *(access for access, _ in in_polyai),
        raw,
        # What a recording has to show comes last: there may be no call yet.
        [compared for _, compared in in_polyai],
        [Finding("audience rule", Status.SET, rule, is_always_shown=True)],
    )
    return without_consequences([each for part in parts for each in part])


def _outside(settings: Settings) -> list[Finding]:
    """Report proxy and authorities; their faults show in the checks that use them."""
    named = [str(each) for each in (settings.ssl_cert_file, settings.ssl_cert_dir) if each]
    files = f"those in {' and '.join(named)}" if named else "the system's and those browsers trust"
    return [
        Finding("proxy", Status.SET, _proxy(settings)),
        Finding("trusted authorities", Status.SET, files),
    ]


def _proxy(settings: Settings) -> str:
    if settings.https_proxy is None:
        return "none: HTTPS_PROXY is not set"
    url = urlsplit(settings.https_proxy.get_secret_value())
    port = f":{url.port}" if url.port else ""
    login = " with user and password" if url.username else ""
    direct = f", but not for {settings.no_proxy}" if settings.no_proxy else ""
    return f"{url.scheme}://{url.hostname}{port}{login}{direct}"
