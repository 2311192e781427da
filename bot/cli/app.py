"""The command tree; the module of a command is imported only when that command runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption


@dataclass(frozen=True, slots=True)
class Entry:
    """A command and where it is defined.

    Attributes:
        name: the name on the command line.
        module: imported only when the command runs, as some take a second to import.
        builder: a function of the module; it is the command, or builds a group of commands.
        panel: the heading of ``--help`` that the command is listed under.
        help: the line that ``--help`` shows; a test compares it with the module's own.
    """

    name: str
    module: str
    builder: str
    panel: str
    help: str

    @property
    def is_group(self) -> bool:
        """Whether the command has subcommands."""
        return self.builder == "build"


ENTRIES: Final = (
    Entry(
        *("demo", "bot.cli.demo", "demo", "Start here"),
        "Deliver sample recordings on stand-ins; exits with 0 only if they match the rules.",
    ),
    Entry(
        *("doctor", "bot.cli.doctor", "doctor", "Start here"),
        "Check settings, database, Slack and PolyAI; ends with 1 if something is wrong.",
    ),
    Entry(
        *("run", "bot.cli.serve", "run", "Start here"),
        "Serve Slack, deliver and schedule in one process; a SQLite file is migrated first.",
    ),
    Entry(
        *("grants", "bot.cli.grants", "build", "Rights and digests"),
        "Grant, deny, revoke and list rights.",
    ),
    Entry(
        *("digests", "bot.cli.digests", "build", "Rights and digests"),
        "Add, list, remove and run digests.",
    ),
    Entry(
        *("migrate", "bot.cli.migrating", "migrate", "In production"),
        "Bring the database to the newest revision; running it twice changes nothing.",
    ),
    Entry(
        *("web", "bot.cli.serve", "web", "In production"),
        "Serve Slack: store requests and answer at once.",
    ),
    Entry(
        *("worker", "bot.cli.serve", "worker", "In production"),
        "Run stored work; several workers may run on PostgreSQL.",
    ),
    Entry(
        *("audit", "bot.cli.audit", "build", "Audit and redaction"),
        "List, export, verify and seal the audit events.",
    ),
    Entry(
        *("evidence", "bot.cli.evidence", "evidence", "Audit and redaction"),
        "Pack the audit events of a call or period; ends with 1 if there are none or on any fault.",
    ),
    Entry(
        *("check-redaction", "bot.cli.check_redaction", "check_redaction", "Audit and redaction"),
        "Compare a redacted recording with the raw one, in memory; ends with 0 only if proven.",
    ),
    Entry(
        *("canary", "bot.cli.canary", "build", "Audit and redaction"),
        "Resume deliveries of redacted recordings after a freeze.",
    ),
)
"""In the order in which they are used."""


def build_cli(arguments: Sequence[str] | None = None) -> typer.Typer:
    """Build the commands; nothing is read or opened before one of them runs.

    Only the command that ``arguments`` name is imported; None imports them all.
    """
    cli = typer.Typer(
        name="callaudio",
        cls=Group,
        help="PolyAI call recordings in Slack threads, raw only where every listener may hear raw.",
        no_args_is_help=True,
        pretty_exceptions_show_locals=False,
        add_completion=False,
    )
    cli.callback()(_options)
    named = None if arguments is None else named_command(arguments)
    for entry in ENTRIES:
        if named not in (None, entry.name):
            cli.command(entry.name, help=entry.help, rich_help_panel=entry.panel)(_never_run)
            continue
        builder = getattr(import_module(entry.module), entry.builder)
        if entry.is_group:
            named_group = builder()
            cli.add_typer(named_group, name=entry.name, cls=Group, rich_help_panel=entry.panel)
        else:
            cli.command(entry.name, rich_help_panel=entry.panel)(builder)
    return cli


def named_command(arguments: Sequence[str]) -> str:
    """Return the first word that is not an option; empty if there is none."""
    return next((each for each in arguments if not each.startswith("-")), "")


def _print_version(*, value: bool) -> None:
    if value:
        from importlib.metadata import version  # noqa: PLC0415 - costs 20 ms, for this alone

        from bot.store.revision import newest_revision  # noqa: PLC0415 - as above

        typer.echo(f"callaudio {version('callaudio')}, database revision {newest_revision()}")
        raise typer.Exit


def _options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Handle the options that belong to no command."""
    del version  # its callback has ended the program


def _never_run() -> None:
    """A placeholder in ``--help`` for a command that the arguments do not name."""


class Group(TyperGroup):
    """A group of commands, in whose help an option without a value has no type.

    A command that needs options and gets none shows its help, which lists them all.
    """

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - its type is private to typer
        """Return the options of the group."""
        return _without_bool(super().get_params(ctx))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - as above
        """Return a command of the group."""
        command = super().get_command(ctx, cmd_name)
        if isinstance(command, TyperCommand):
            parameters = _without_bool(command.get_params(ctx))
            command.no_args_is_help = any(each.required for each in parameters)
        return command


def _without_bool(parameters: list[Any]) -> list[Any]:
    for each in parameters:
        if isinstance(each, TyperOption) and each.is_flag:
            each.metavar = ""  # otherwise <bool>
    return parameters
