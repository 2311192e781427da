"""`demo`: the main job on stand-ins, watched live, and checked against the rules."""

import asyncio
import logging
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from sqlalchemy import select

from bot.access.policy import Outcome
from bot.cli import console
from bot.cli.demo_page import open_page
from bot.cli.demo_script import ACTS, CALL, ENVIRONMENT, LINK, NAMES, Act, set_up
from bot.cli.demo_worker import database_in, open_killable
from bot.cli.stage import Stage, open_stage
from bot.logs import configure_logging
from bot.recordings.states import ENDED, State
from bot.sandbox import recordings
from bot.sandbox.delivery import Ack
from bot.slack.actions import Action
from bot.slack.wording import length, size
from bot.store.database import async_url
from bot.store.schema import upgrade
from bot.store.tables import DeliveryRow

ACT_SECONDS: Final = 20.0
COLUMNS: Final = ("who, where", "does", "gets, why", "in the thread", "")


@dataclass(frozen=True, slots=True)
class Line:
    """One act as the table shows it, while it goes on and afterwards."""

    act: Act
    gets: str = "…"
    why: str = ""
    thread: str = ""
    size: str = ""
    length: str = ""
    took: str = ""
    is_right: bool | None = None
    said: tuple[str, ...] = ()
    file_name: str = ""
    audio: bytes = b""


def demo(
    folder: Annotated[Path, typer.Option(help="Where the WAVs are left to listen to.")] = Path(
        "callaudio-demo"
    ),
    *,
    once: Annotated[
        bool, typer.Option("--once", help="End after the story, without the page.")
    ] = False,
    port: Annotated[int, typer.Option(help="Where the page listens; 0 picks a port.")] = 0,
) -> None:
    """Play the main job on a stand-in workspace; ends with 0 only if the rules were kept."""
    configure_logging("console")
    logging.getLogger().setLevel(logging.ERROR)  # the screen belongs to the table
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
    """Write the recordings down, and say what the story showed."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, line in enumerate(lines, 1):
        if line.audio:
            (folder / f"{number:02}-{line.file_name}").write_bytes(line.audio)
    _show_private(screen, lines)
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
                await _play_all(screen, stage, lines, folder_of_wavs)
            return
        async with open_killable(folder) as (stage, worker):
            await _play_all(screen, stage, lines, folder_of_wavs)
            async with open_page(stage, worker, port) as address:
                screen.print(f"\nThe workspace is open at [bold]{address}[/]. Ctrl-C ends it.")
                await asyncio.Event().wait()


async def _play_all(screen: Console, stage: Stage, lines: list[Line], folder_of_wavs: Path) -> None:
    """Play each act, and show how it goes."""
    await set_up(stage)
    lines += [Line(act) for act in ACTS]
    with Live(_table(lines), console=screen, refresh_per_second=10) as live:
        for number, line in enumerate(lines):
            lines[number] = replace(line, gets="asking")
            live.update(_table(lines))
            lines[number] = await _perform(stage, line)
            live.update(_table(lines))
    _leave(screen, lines, folder_of_wavs)


async def _perform(stage: Stage, line: Line) -> Line:
    act, started = line.act, time.monotonic()
    before = len(stage.workspace.ephemerals)
    earlier = await _delivery_ids(stage)
    ack = await _do(stage, act)
    delivery = await _ended(stage, earlier)
    private = [
        each.text for each in stage.workspace.ephemerals[before:] if each.user == act.user_id
    ]
    took = f"{time.monotonic() - started:.1f} s"
    if delivery is None:
        return replace(line, gets="nothing", took=took, is_right=False, said=(*private, ack.text))
    channel_id = delivery.destination_channel_id or act.channel_id
    files = [
        each
        for each in stage.workspace.visible_files(channel_id)
        if each.id == delivery.file_id and each.thread_ts == delivery.parent_ts
    ]
    audio = files[0].content or b"" if files else b""
    return replace(
        line,
        gets=str(delivery.outcome if delivery.state == State.DELIVERED else delivery.state),
        why=str(delivery.error_code or delivery.reason),
        thread=f"{NAMES.get(channel_id, 'own messages')} {delivery.parent_ts}" if files else "",
        size=size(len(audio)) if files else "",
        length=length(delivery.length_seconds) or "" if files else "",
        took=took,
        is_right=_is_right(act, delivery, [each.content or b"" for each in files]),
        said=tuple(private),
        file_name=files[0].name if files else "",
        audio=audio,
    )


async def _do(stage: Stage, act: Act) -> Ack:
    if act.does:
        return await stage.people.command(act.user_id, act.channel_id, act.does)
    drawn = [
        (each.ts, button)
        for each in stage.workspace.ephemerals
        for block in each.blocks
        for button in block.get("elements", ())
        if button.get("action_id") == Action.RAW_TO_DM
    ]
    ts, button = drawn[-1]
    return await stage.people.block_action(
        act.user_id, act.channel_id, ts, Action.RAW_TO_DM.value, button["value"]
    )


async def _delivery_ids(stage: Stage) -> set[str]:
    async with stage.application.database.read() as session:
        return set(await session.scalars(select(DeliveryRow.id)))


async def _ended(stage: Stage, earlier: set[str]) -> DeliveryRow | None:
    """Wait for the delivery that is not among the earlier ones to have ended and been told of."""
    deadline = time.monotonic() + ACT_SECONDS
    while time.monotonic() < deadline:
        async with stage.application.database.read() as session:
            query = select(DeliveryRow).where(DeliveryRow.id.not_in(earlier))
            row = await session.scalar(query)
        if row and row.state in ENDED and row.response_url is None:
            return row
        await asyncio.sleep(0.05)
    return None


def _is_right(act: Act, delivery: DeliveryRow, files: list[bytes]) -> bool:
    """Hold what arrived, byte for byte, against what the rules say."""
    if act.outcome is None:
        return delivery.state == State.FAILED and delivery.error_code == act.reason and not files
    decided = delivery.outcome == act.outcome and delivery.reason == act.reason
    if act.outcome is Outcome.REFUSED:
        return decided and delivery.state == State.REFUSED and not files
    expected = recordings.load(act.direction.value, redacted=act.outcome is Outcome.REDACTED)
    return decided and delivery.state == State.DELIVERED and files == [expected]


def _table(lines: list[Line]) -> Table:
    table = Table(title="callaudio on a stand-in workspace", expand=True)
    for column in COLUMNS:
        table.add_column(column, overflow="fold")
    colours = {"raw": "red", "redacted": "green", "refused": "yellow", "failed": "yellow"}
    marks = {None: "", True: "[green]✓[/]", False: "[bold red]✗[/]"}
    for line in lines:
        act = line.act
        facts = " · ".join(part for part in (line.size, line.length, line.took) if part)
        table.add_row(
            f"{NAMES[act.user_id]}\n[dim]{NAMES[act.channel_id]}[/]",
            f"{escape(_typed(act))}\n[dim]{act.teaches}[/]",
            f"[{colours.get(line.gets, 'dim')}]{line.gets}[/]\n[dim]{line.why}[/]",
            f"{line.thread}\n[dim]{facts}[/]" if line.thread else f"[dim]{facts}[/]",
            marks[line.is_right],
        )
    return table


def _typed(act: Act) -> str:
    if not act.does:
        return "presses the button"
    return f"/callaudio {act.does.replace(LINK, '<link>').replace(CALL, 'CA0123…')}"


def _show_private(screen: Console, lines: list[Line]) -> None:
    screen.print("\n[bold]What each person was told privately[/]")
    for line in lines:
        if len(line.said) > 1:
            who = f"{NAMES[line.act.user_id]} in {NAMES[line.act.channel_id]}"
            screen.print(Panel(escape("\n".join(line.said[1:])), title=who, title_align="left"))
