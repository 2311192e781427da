"""Plays one act of the story, and compares its result with the rules."""

import asyncio
import time
from dataclasses import dataclass, replace
from typing import Final

from bot.access.policy import Outcome
from bot.cli.demo_script import CALL, LINK, NAMES, Act
from bot.cli.stage import Stage
from bot.recordings.deliveries.delivery import Delivery, State
from bot.recordings.deliveries.past_deliveries import all_deliveries
from bot.sandbox import recordings
from bot.sandbox.delivery import Ack
from bot.slack.identifiers import Action
from bot.slack.wording import length, size

ACT_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Line:
    """One act as the table shows it, while it runs and afterwards."""

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


async def perform(stage: Stage, line: Line) -> Line:
    """Play it, and wait for its end."""
    act, started = line.act, time.monotonic()
    before = len(stage.workspace.ephemerals)
    earlier = {each.id for each in await _deliveries(stage)}
    ack = await _do(stage, act)
    delivery = await _ended(stage, earlier)
    private = [
        each.text for each in stage.workspace.ephemerals[before:] if each.user == act.user_id
    ]
    took = f"{time.monotonic() - started:.1f} s"
    if delivery is None:
        return replace(line, gets="nothing", took=took, is_right=False, said=(*private, ack.text))
    channel_id = delivery.channel_id or act.channel_id
    files = [
        each
        for each in stage.workspace.visible_files(channel_id)
        if each.id == delivery.file_id and each.thread_ts == delivery.parent_ts
    ]
    audio = files[0].content or b"" if files else b""
    return replace(
        line,
        gets=str(delivery.outcome if delivery.state == State.DELIVERED else delivery.state),
        why=str(_error_of(delivery) or delivery.reason),
        thread=NAMES.get(channel_id, "own messages") if files else "",
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


async def _deliveries(stage: Stage) -> tuple[Delivery, ...]:
    async with stage.application.database.read() as session:
        return await all_deliveries(session)


async def _ended(stage: Stage, earlier: set[str]) -> Delivery | None:
    """Wait until a new delivery has ended and its requester was notified."""
    deadline = time.monotonic() + ACT_SECONDS
    while time.monotonic() < deadline:
        for each in await _deliveries(stage):
            if each.id not in earlier and each.has_ended and each.response_url is None:
                return each
        await asyncio.sleep(0.05)
    return None


def _error_of(delivery: Delivery) -> str | None:
    return delivery.problem.code if delivery.problem else None


def _is_right(act: Act, delivery: Delivery, files: list[bytes]) -> bool:
    """Compare the outcome, and the files byte for byte, with the rules."""
    if act.outcome is None:
        return delivery.state == State.FAILED and _error_of(delivery) == act.reason and not files
    decided = delivery.outcome == act.outcome and delivery.reason == act.reason
    if act.outcome is Outcome.REFUSED:
        return decided and delivery.state == State.REFUSED and not files
    expected = recordings.load(act.direction.value, redacted=act.outcome is Outcome.REDACTED)
    return decided and delivery.state == State.DELIVERED and files == [expected]


def typed(act: Act) -> str:
    """Describe the action in a few words."""
    if not act.does:
        return "presses the button"
    return f"/callaudio {act.does.replace(LINK, '<link>').replace(CALL, 'CA0123…')}"
