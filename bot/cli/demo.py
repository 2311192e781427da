"""`demo`: deliveries on stand-ins, shown live and compared with the rules."""

import asyncio
import logging
import sys
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from bot.cli import console
from bot.cli.demo_page import open_page
from bot.cli.demo_play import Line, perform, typed
from bot.cli.demo_script import ACTS, ENVIRONMENT, NAMES, set_up
from bot.cli.demo_worker import database_in, open_killable
from bot.cli.stage import Stage, open_stage
from bot.observability.logs import configure_logging
from bot.store.engines import async_url
from bot.store.schema import upgrade

COLUMNS: Final = ("who, where", "does", "gets, why", "in the thread")
WRAPPED: Final = "does"
"""The other columns hold names and codes, which stay whole in a terminal of 80 columns."""


def demo(
    folder: Annotated[
        Path, typer.Option(file_okay=False, help="Where the WAVs are left to listen to.")
    ] = Path("callaudio-demo"),
    *,
    once: Annotated[
        bool, typer.Option("--once", help="End after the story, without the page.")
    ] = False,
    port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, metavar="<port>", help="Where the page listens; 0 picks a port."
        ),
    ] = 0,
) -> None:
    """Deliver sample recordings on stand-ins; exits with 0 only if they match the rules."""
    configure_logging("console", level=logging.ERROR)  # the screen belongs to the table
    screen = Console()
    stays = not once and sys.stdin.isatty() and screen.is_terminal
    with suppress(KeyboardInterrupt):
        lines: list[Line] = []
        asyncio.run(_play(screen, lines, folder, port if stays else None))
    wrong = [line for line in lines if not line.is_right]
    if wrong or len(lines) < len(ACTS):
        raise console.complain(
            f"{len(wrong)} of {len(lines)} did not arrive as the rules say.", code=console.FAILED
        )


def _leave(screen: Console, lines: list[Line], folder: Path) -> None:
    """Write the recordings to the folder, and print the result."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, line in enumerate(lines, 1):
        if line.audio:
            (folder / f"{number:02}-{line.file_name}").write_bytes(line.audio)
    screen.print("\n[bold]What each person was told privately[/]")
    for line in lines:
        if len(line.said) > 1:
            who = f"{NAMES[line.act.user_id]} in {NAMES[line.act.channel_id]}"
            screen.print(Panel(escape("\n".join(line.said[1:])), title=who, title_align="left"))
    screen.print(f"\nThe recordings are in [bold]{escape(str(folder.resolve()))}[/].")
    if all(line.is_right for line in lines):
        screen.print(f"[green]All {len(lines)} arrived as the rules say.[/]")


async def _play(screen: Console, lines: list[Line], folder_of_wavs: Path, port: int | None) -> None:
    """Play the story; with a port, leave the page open until Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="callaudio-demo-") as name:
        folder = Path(name)
        upgrade(async_url(database_in(folder)))
        if port is None:
            async with open_stage(database_in(folder), environment=ENVIRONMENT) as stage:
                await set_up(stage)
                await _play_all(screen, stage, lines, folder_of_wavs)
            return
        async with (
            open_killable(folder) as (stage, worker),
            open_page(stage, worker, port) as address,
        ):
            await set_up(stage)
            where = f"The workspace is open at [bold]{address}[/]"
            screen.print(f"{where} and fills while the story is told.")
            await _play_all(screen, stage, lines, folder_of_wavs)
            screen.print(f"\n{where}. Ctrl-C ends it.")
            await asyncio.Event().wait()


async def _play_all(screen: Console, stage: Stage, lines: list[Line], folder_of_wavs: Path) -> None:
    """Play each act, and show how it goes."""
    lines += [Line(act) for act in ACTS]
    with Live(table_of(lines), console=screen, refresh_per_second=10) as live:
        for number, line in enumerate(lines):
            lines[number] = replace(line, gets="asking")
            live.update(table_of(lines))
            lines[number] = await perform(stage, line)
            live.update(table_of(lines))
    _leave(screen, lines, folder_of_wavs)


def table_of(lines: list[Line]) -> Table:
    """Draw what each person did and got, and why."""
    table = Table(
        title="callaudio on a stand-in workspace",
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        expand=True,
        leading=1,
    )
    for column in COLUMNS:
        table.add_column(column, overflow="fold", no_wrap=column != WRAPPED)
    colours = {"raw": "red", "redacted": "green", "refused": "yellow", "failed": "yellow"}
    marks = {None: " ", True: "[green]✓[/]", False: "[bold red]✗[/]"}
    for line in lines:
        act = line.act
        facts = (" · ".join(filter(None, (line.size, line.length))), line.took)
        table.add_row(
            f"{NAMES[act.user_id]}\n[dim]{NAMES[act.channel_id]}[/]",
            f"{escape(typed(act))}\n[dim]{act.teaches}[/]",
            f"{marks[line.is_right]} [{colours.get(line.gets, 'dim')}]{line.gets}[/]\n"
            f"  [dim]{line.why}[/]",
            "\n".join(filter(None, (line.thread, *(f"[dim]{each}[/]" for each in facts if each)))),
        )
    return table
