"""From nothing to the first recording: README's commands, and what `doctor` says next."""

import re
import shlex
import signal
from pathlib import Path

import pytest

from bot.cli.stage import environment_of
from bot.sandbox.person import SlackClientSide, SlackSocketSide
from bot.sandbox.polyai_calls import Recording
from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.slack_server import SlackSandbox
from bot.sandbox.workspace import Workspace
from bot.slack.web_api.scopes import REQUIRED, WITHOUT
from tests.cli.process import ready
from tests.contracts.test_project_files import text
from tests.polling import until
from tests.ports import free_port
from tests.scenarios.killed_bot import Nursery
from tests.scenarios.scene import ALICE, CALL, CHANNEL

ANOTHER = f"CA{2:032x}"
SECTION = text("README.md").partition("## A real workspace")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL)


def env_file(values: dict[str, str]) -> str:
    """Write README's lines with real values, and a few that point to the stand-ins."""
    (block,) = (each for each in BLOCKS if "SLACK_BOT_TOKEN=" in each)
    lines = [line.strip() for line in block.splitlines()]
    told = [line.partition("=")[0] for line in lines if not line.startswith("#")]
    elsewhere = {name: value for name, value in values.items() if name not in told}
    filled = [
        f"{name}={values[name]}" if (name := line.partition("=")[0]) in values else line
        for line in lines
        if line.startswith("#") or line.partition("=")[0] in values
    ]
    return "\n".join([*filled, *(f"{name}={value}" for name, value in elsewhere.items())])


async def typed(nursery: Nursery, line: str, folder: Path) -> tuple[int, str]:
    """Run a line that begins with `callaudio`; returns its exit code and output."""
    program, *arguments = shlex.split(line)
    assert program == "callaudio"
    status, out, told = await nursery.command(*arguments, folder=folder)
    assert told == ""
    return status, out.strip()


@pytest.mark.parametrize(
    "is_socket",
    [
        pytest.param(False, id="events over HTTP"),
        pytest.param(True, id="Socket Mode", marks=pytest.mark.long),
    ],
)
async def test_each_step_of_readme_works_and_doctor_names_the_next_one(
    nursery, tmp_path, *, is_socket
):
    port, workspace = free_port(), Workspace(scopes=REQUIRED | set(WITHOUT))
    workspace.add_user(ALICE)
    workspace.add_channel(CHANNEL, members=[ALICE], is_private=True, bot_is_member=False)
    async with SlackSandbox(workspace) as slack, PolyAISandbox() as polyai:
        values = environment_of(workspace, slack, polyai)
        for name, has_access in {"POLYAI_API_KEY": False, "POLYAI_PII_API_KEY": True}.items():
            polyai.add_key(values[name], pii=has_access)
        for call in (CALL, ANOTHER):
            polyai.add_call(call, agent_id=values["POLYAI_AGENT_ID"], recording=Recording.speech())
        values |= {"PORT": str(port), "CALLAUDIO_ADMINS": ALICE}
        if is_socket:
            values["SLACK_APP_TOKEN"] = workspace.app_token
        (tmp_path / ".env").write_text(env_file(values))
        people = (
            SlackSocketSide(slack)
            if is_socket
            else SlackClientSide(workspace, f"http://127.0.0.1:{port}/slack/events")
        )

        async def next_step(options: str = "") -> str:
            code, told = await typed(nursery, f"callaudio doctor {options}", tmp_path)
            assert code == 0
            return told.splitlines()[-1]

        first = "Start `callaudio run`; it creates callaudio.db here."
        assert await next_step() == f"Next: database. {first}"
        bot = nursery.begin("run", folder=tmp_path, port=port)
        try:
            await bot.is_up()
            assert (await ready(port)).get("socket", False) is is_socket
            assert "/invite @callaudio" in await next_step()
            workspace.change_channel(CHANNEL, bot_is_member=True)
            step = await next_step()
            assert step.startswith("Next: who may hear raw. callaudio grants add ")

            assert (await people.command(ALICE, CHANNEL, CALL)).arrived
            await arrived(workspace, f"{CALL}-redacted.wav")

            assert (await typed(nursery, step.partition(". ")[2], tmp_path))[0] == 0
            assert "`callaudio doctor --conversation CA…`" in await next_step()
            assert (await next_step(f"--conversation {CALL}")).startswith("Everything is set up.")
            assert (await people.command(ALICE, CHANNEL, ANOTHER)).arrived
            await arrived(workspace, f"{ANOTHER}-raw.wav")
        finally:
            bot.signal(signal.SIGTERM)
            await bot.is_gone()


async def arrived(workspace: Workspace, name: str) -> None:
    await until(
        lambda: [each for each in workspace.visible_recordings(CHANNEL) if each.name == name]
    )


def test_readmes_commands_exist_in_the_command_line():
    lines = " ".join(BLOCKS).split("\n")
    typed_lines = {line.split("#")[0].strip() for line in lines if "callaudio " in line}
    assert {"callaudio doctor", "callaudio run"} <= typed_lines
    assert not [line for line in typed_lines if ".venv/bin/callaudio" in line]
