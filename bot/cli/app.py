"""The command tree."""

import typer

from bot.cli import audit, demo, digests, doctor, grants, serve


def build_cli() -> typer.Typer:
    """Build the commands; nothing is read or opened before one of them runs."""
    cli = typer.Typer(
        name="callaudio",
        help="PolyAI call recordings in Slack threads, raw only where every listener may hear raw.",
        no_args_is_help=True,
        pretty_exceptions_show_locals=False,
        add_completion=False,
    )
    cli.command("run")(serve.run)
    cli.command("web")(serve.web)
    cli.command("worker")(serve.worker)
    cli.command("migrate")(serve.migrate)
    cli.command("doctor")(doctor.doctor)
    cli.command("demo")(demo.demo)
    cli.add_typer(grants.build(), name="grants")
    cli.add_typer(audit.build(), name="audit")
    cli.add_typer(digests.build(), name="digests")
    return cli
