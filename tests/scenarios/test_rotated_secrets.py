"""Secrets in files are rotated while the bot runs: SIGHUP, and no work is lost."""

import signal
from pathlib import Path

import pytest

from bot.cli.stage import AGENT_ID, PLAIN_KEY, RAW_KEY, environment_of
from bot.sandbox.faults import Fault
from bot.sandbox.person import SlackClientSide
from bot.sandbox.polyai_calls import Recording
from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.slack_server import SlackSandbox
from bot.sandbox.workspace import Workspace
from tests.cli.process import ready
from tests.polling import until
from tests.ports import free_port
from tests.scenarios.killed_bot import Bot, Street
from tests.scenarios.scene import ALICE, CALL, CHANNEL
from tests.scenarios.test_canary import AGREED, CANARY_CALL, found_by_the_bot

NEW = {
    "SLACK_BOT_TOKEN": "xoxb-RotatedBotToken0123456789",
    "SLACK_SIGNING_SECRET": "RotatedSigningSecret0123456789",
    "POLYAI_API_KEY": "RotatedPlainKey0123456789abcdef0",
    "POLYAI_PII_API_KEY": "RotatedRawKey0123456789abcdef012",
}


@pytest.fixture
def files(street: Street, tmp_path: Path) -> dict[str, Path]:
    """Put the secrets of the street into files."""
    files = {name: tmp_path / name for name in NEW}
    for name, file in files.items():
        file.write_text(street.environment.pop(name))
        street.environment[f"{name}_FILE"] = str(file)
    return files


async def hang_up(bot: Bot, event: str, *, times: int = 1) -> None:
    bot.signal(signal.SIGHUP)
    await until(lambda: bot.log.read_text().count(f'"event": "{event}"') >= times)


async def test_work_under_way_ends_with_the_new_secrets_and_none_is_logged(street, files):
    scene, polyai = street.scene, street.scene.polyai
    old = {name: file.read_text() for name, file in files.items()}
    await scene.grant()
    bot = await street.start()
    held = Fault("chat.postMessage", when="after", hang=True)
    scene.slack.faults.add(held)
    assert (await scene.people.command(ALICE, CHANNEL, CALL)).arrived
    await scene.slack.faults.reached(held.route)

    polyai.add_key(NEW["POLYAI_API_KEY"])
    polyai.add_key(NEW["POLYAI_PII_API_KEY"], pii=True)
    for name, file in files.items():
        file.write_text(NEW[name])
    await hang_up(bot, "secrets_reloaded")
    scene.workspace.bot_token = NEW["SLACK_BOT_TOKEN"]
    del polyai.keys[PLAIN_KEY], polyai.keys[RAW_KEY]
    scene.slack.faults.release_all()

    first = await scene.ended(await scene.latest())
    assert (first.outcome, first.state) == ("raw", "delivered")
    late = await scene.people.command(ALICE, CHANNEL, scene.another_call())
    assert late.arrived, "Slack signed it before it knew of the new secret"
    await scene.ended(await scene.latest())
    url = f"{scene.stage.origin}/slack/events"
    people = SlackClientSide(scene.workspace, url, NEW["SLACK_SIGNING_SECRET"])
    assert (await people.command(ALICE, CHANNEL, scene.another_call())).arrived
    assert (await scene.ended(await scene.latest())).outcome == "raw"
    assert len(scene.workspace.visible_recordings(CHANNEL)) == 3
    assert bot.is_alive
    assert not [each for each in (*old.values(), *NEW.values()) if each in street.logs]


async def test_an_unusable_file_changes_nothing_and_is_reported_without_its_content(street, files):
    scene = street.scene
    bot = await street.start()
    files["SLACK_BOT_TOKEN"].write_text("xapp-OfAnotherKind0123456789")
    await hang_up(bot, "secrets_not_reloaded")

    await scene.people.command(ALICE, CHANNEL, CALL)

    assert (await scene.ended(await scene.latest())).state == "delivered"
    assert "SLACK_BOT_TOKEN is another kind of token" in street.logs
    assert "OfAnotherKind" not in street.logs


@pytest.mark.usefixtures("files")
async def test_any_other_changed_setting_is_named_and_waits_for_a_restart(street, tmp_path):
    database = tmp_path / "DATABASE_URL"
    database.write_text(street.environment.pop("DATABASE_URL"))
    street.environment["DATABASE_URL_FILE"] = str(database)
    bot = await street.start()
    database.write_text("postgresql://u:hunter2@db/callaudio")
    await hang_up(bot, "restart_needed")
    await hang_up(bot, "restart_needed", times=2)

    assert '"changed": "DATABASE_URL"' in street.logs
    assert "hunter2" not in street.logs


async def test_a_new_plain_key_that_returns_raw_freezes_deliveries_at_once(street, files):
    street.environment |= AGREED
    polyai = street.scene.polyai
    polyai.add_call(CANARY_CALL, agent_id=AGENT_ID, recording=Recording.speech())
    bot = await street.start()
    await found_by_the_bot(street.scene, "held")

    polyai.add_key(NEW["POLYAI_API_KEY"], pii=True)
    files["POLYAI_API_KEY"].write_text(NEW["POLYAI_API_KEY"])
    await hang_up(bot, "secrets_reloaded")

    assert (await found_by_the_bot(street.scene, "broken")).frozen_at


async def logged(bot: Bot, event: str) -> str:
    """Wait until a bot has logged an event; returns its line."""

    def line() -> str:
        lines = bot.log.read_text().splitlines()
        return next((each for each in lines if f'"event": "{event}"' in each), "")

    return await until(line)


async def test_secrets_in_an_env_file_are_rotated_and_the_environment_takes_precedence(
    nursery, sqlite_url, tmp_path
):
    port, workspace, file = free_port(), Workspace(), tmp_path / ".env"
    workspace.add_user(ALICE)
    workspace.add_channel(CHANNEL, members=[ALICE], is_private=True)
    async with SlackSandbox(workspace) as slack, PolyAISandbox() as polyai:
        polyai.add_key(PLAIN_KEY)
        polyai.add_call(CALL, agent_id=AGENT_ID, recording=Recording.speech())
        values = environment_of(workspace, slack, polyai) | {"PORT": str(port)}
        del values["POLYAI_PII_API_KEY"]
        values["DATABASE_URL"] = sqlite_url

        def write(**changes: str) -> None:
            lines = (f"{name}={value}\n" for name, value in {**values, **changes}.items())
            file.write_text("".join(lines))

        write()
        token = {"SLACK_BOT_TOKEN": workspace.bot_token}
        bot = nursery.begin("run", folder=tmp_path, port=port, **token)
        try:
            await bot.is_up()
            await ready(port)
            held = Fault("chat.postMessage", when="after", hang=True)
            slack.faults.add(held)
            url = f"http://127.0.0.1:{port}/slack/events"
            assert (await SlackClientSide(workspace, url).command(ALICE, CHANNEL, CALL)).arrived
            await slack.faults.reached(held.route)

            new = {name: NEW[name] for name in ("SLACK_SIGNING_SECRET", "POLYAI_API_KEY")}
            polyai.add_key(new["POLYAI_API_KEY"])
            write(**new, SLACK_BOT_TOKEN="xoxb-OfTheFileAlone0123456789", PORT="3001")
            bot.signal(signal.SIGHUP)
            line = await logged(bot, "secrets_reloaded")
            assert '"changed": "POLYAI_API_KEY, SLACK_SIGNING_SECRET"' in line
            assert '"changed": "PORT"' in await logged(bot, "restart_needed")
            del polyai.keys[PLAIN_KEY]
            slack.faults.release_all()

            await until(lambda: workspace.visible_recordings(CHANNEL))
            people = SlackClientSide(workspace, url, NEW["SLACK_SIGNING_SECRET"])
            another = f"CA{2:032x}"
            polyai.add_call(another, agent_id=AGENT_ID, recording=Recording.speech())
            assert (await people.command(ALICE, CHANNEL, another)).arrived
            await until(lambda: len(workspace.visible_recordings(CHANNEL)) == 2)

            file.unlink()
            bot.signal(signal.SIGHUP)
            assert "POLYAI_API_KEY is not set" in await logged(bot, "secrets_not_reloaded")
        finally:
            bot.signal(signal.SIGTERM)
            await bot.is_gone()
