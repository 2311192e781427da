"""After every kind of delivery no secret, phone number or audio is left where it must not be.

Searched are the logs (as written, and before masking), every table of both databases and their
files, every call to Slack, everything that people saw, and the metrics.
"""

import base64
import json
import logging
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bot.access.grants import Effect
from bot.cli.stage import PLAIN_KEY, RAW_KEY
from bot.sandbox.faults import Fault
from bot.sandbox.person import SlackClientSide
from bot.sandbox.polyai_calls import Shape
from tests.scenarios.scene import ALICE, BOB, BROKEN_OFF, CALL, CHANNEL, RAW_SPAN, Scene

CALLER, CALLED = "1234567890", "2079460000"  # of the stand-in's +44… numbers
TYPED = {
    "a typed card": "4111-1111-1111-1111",
    "a typed IBAN": "GB82WEST12345698765432",
    "a typed social-security number": "078-05-1120",
    "a typed insurance number, which begins like a channel's id": "CE123456A",
    "a typed tax number": "ABCDE1234F",
}
SOUND = RAW_SPAN[1024 : 1024 + 48]
Haystacks = Mapping[str, bytes]


def found(needles: Mapping[str, bytes], haystacks: Haystacks) -> set[tuple[str, str]]:
    """Name what was found where."""
    return {
        (what, where)
        for what, needle in needles.items()
        for where, haystack in haystacks.items()
        if needle in haystack
    }


def needles_of(scene: Scene) -> dict[str, bytes]:
    workspace = scene.workspace
    issued = [key for key in workspace.passes._issued if key[0] in ("upload", "response_url")]
    assert {kind for kind, _ in issued} == {"upload", "response_url"}
    return {
        "the bot's token": workspace.bot_token.encode(),
        "the signing secret": workspace.signing_secret.encode(),
        "the plain key": PLAIN_KEY.encode(),
        "the raw key": RAW_KEY.encode(),
        "the caller's number": CALLER.encode(),
        "the called number": CALLED.encode(),
        **{what: number.encode() for what, number in TYPED.items()},
        "sound": SOUND,
        "sound in hex": SOUND.hex().encode(),
        "sound in base64": base64.b64encode(SOUND),
        **{f"the secret of {kind} {n}": s.encode() for n, (kind, s) in enumerate(issued)},
    }


def tables_of(*files: Path) -> dict[str, bytes]:
    """Read every row of every table."""
    dumped = {}
    for file in files:
        with sqlite3.connect(file) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for (name,) in names.fetchall():
                rows = connection.execute(f'SELECT * FROM "{name}"').fetchall()
                cells = (cell for row in rows for cell in row)
                dumped[f"table {name} of {file.name}"] = b"\n".join(
                    cell if isinstance(cell, bytes) else str(cell).encode() for cell in cells
                )
        connection.close()
    return dumped


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def seen_by_people(scene: Scene) -> dict[str, bytes]:
    workspace = scene.workspace
    # Except for file contents: other tests check where raw recordings are.
    files = [replace(file, content=b"") for file in workspace.files]
    return {
        "messages": repr(workspace.timeline).encode(),
        "private messages": repr(workspace.ephemerals).encode(),
        "names and titles of files": repr(files).encode(),
        "calls to Slack": repr(workspace.calls).encode(),
        "requests to PolyAI": repr(scene.polyai.requests).encode(),
        "metrics": scene.stage.application.metrics.render()[0],
    }


async def go_through_everything(scene: Scene) -> set[str]:
    """Run every kind of delivery; returns the states that were reached."""
    states = []

    async def ask(words: str = "", *, user: str = ALICE, **call: object) -> None:
        seen = await scene.ask(f"{scene.another_call(**call)} {words}", user=user)
        states.append(seen.delivery.state)

    slack, polyai = scene.slack.faults, scene.polyai.faults
    scene.excuse(BROKEN_OFF)
    await scene.grant()
    await ask(handoff=True)  # raw
    await ask("redacted")
    await ask("user redacted", shape=Shape.CHUNKED_SIZES_UNKNOWN)
    scene.workspace.join(CHANNEL, BOB)
    first = await scene.ask()
    await scene.press(first.buttons[0], first.note)  # raw, in direct messages
    scene.workspace.leave(CHANNEL, BOB)
    await ask(user=BOB)  # refused

    # An answer may quote input that contains what must not be repeated.
    echo = f"{PLAIN_KEY} {RAW_KEY} {scene.workspace.bot_token} +44{CALLER}"
    body = json.dumps({"error_code": echo, "error_message": echo, "error_id": echo}).encode()
    for status in (400, 401, 404, 500, 302):
        polyai.add(Fault("audio", status=status, body=body, headers={"Location": f"http://{echo}"}))
        await ask()
    slack.add(Fault("files.getUploadURLExternal", error=scene.workspace.bot_token))
    await ask()
    polyai.add(Fault("audio", when="after", drop_connection=True, times=2))
    await ask()  # half a body, twice
    await ask(shape=Shape.TRUNCATED)
    await ask(shape=Shape.HTML)
    slack.add(Fault("upload", status=500, body=echo.encode()))
    slack.add(Fault("upload", drop_connection=True, when="after"))
    await ask()
    slack.add(Fault("files.completeUploadExternal", drop_connection=True, when="after"))
    await ask()
    slack.add(Fault("files.completeUploadExternal", status=429, headers={"Retry-After": "0"}))
    await ask()
    as_json = {"Content-Type": "application/json"}
    body = json.dumps({"ok": True, "said": echo}).encode()
    slack.add(Fault("chat.postMessage", status=200, body=body, headers=as_json))  # no ts: a bug
    await ask()
    slack.add(Fault("response_url", status=500, body=echo.encode()))
    polyai.add(Fault("audio", status=410))
    await ask()
    await scene.grant(effect=Effect.DENY)
    await ask()  # redacted again

    await scene.people.command(ALICE, CHANNEL, f"+44{CALLER}")
    await scene.people.command(ALICE, CHANNEL, f"{CALL} +44{CALLER[:3]}")
    for number in TYPED.values():
        await scene.people.command(ALICE, CHANNEL, number)
        await scene.people.command(ALICE, CHANNEL, f"{scene.another_call()} redacted {number}")
    forged = SlackClientSide(scene.workspace, f"{scene.stage.origin}/slack/events", "wrong")
    ack = await forged.command(ALICE, CHANNEL, f"{CALL} +44{CALLER}")
    assert ack.status == 401
    return set(states)


async def test_no_secret_and_no_personal_data_is_left_anywhere(new_scene, tmp_path, logs):
    async with new_scene() as scene:
        states = await go_through_everything(scene)
        assert states == {"delivered", "refused", "failed"}
        needles = needles_of(scene)
        haystacks = seen_by_people(scene)
    database = tmp_path / "callaudio.db"
    haystacks |= tables_of(database)
    haystacks |= {name: stream.getvalue().encode() for name, stream in logs.items()}
    files = files_in(tmp_path)

    assert any("deliveries" in name for name in haystacks)
    assert "attempt_failed" in logs["logs"].getvalue()
    assert "attempt_broke" in logs["logs"].getvalue()
    assert found(needles, haystacks) == set()
    # A response URL may remain in a page that the database has not reused; nothing else may.
    lasting = {what: needle for what, needle in needles.items() if "response_url" not in what}
    assert found(lasting, files) == set()

    # The search finds what is there.
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE deliveries SET response_url = ?", (needles["the raw key"],))
        connection.execute("DROP TRIGGER audit_events_no_update")
        connection.execute("UPDATE audit_events SET actor_id = ?", (needles["sound"],))
    connection.close()
    logging.getLogger("bot").warning("calling +44%s with %s", CALLER, PLAIN_KEY)
    haystacks |= tables_of(database)
    haystacks |= {name: stream.getvalue().encode() for name, stream in logs.items()}
    haystacks["messages"] += needles["the signing secret"]
    assert found(needles, haystacks) == {
        ("the raw key", "table deliveries of callaudio.db"),
        ("sound", "table audit_events of callaudio.db"),
        ("the caller's number", "logs before the mask"),
        ("the plain key", "logs before the mask"),
        ("the signing secret", "messages"),
    }
