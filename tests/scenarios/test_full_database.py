"""A database that accepts no writes: operators and requesters learn of it within seconds."""

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event
from structlog.testing import capture_logs

from bot.errors import Unexpected
from bot.sandbox.delivery import Ack
from bot.wiring.timings import Timings
from tests.polling import until
from tests.postgresql import END_OTHER_SESSIONS
from tests.scenarios.conftest import QUICK
from tests.scenarios.scene import ALICE, CHANNEL, Scene
from tests.scenarios.test_from_outside import get
from tests.scenarios.test_logs_and_metrics import figures

ASKED = 20
MOST_ASKED = 400


@pytest.fixture
def timings() -> Timings:
    """Do not wait at the end for what cannot be stored."""
    return replace(QUICK, drain_seconds=0.2)


async def is_ready(scene: Scene) -> bool:
    answer = await get(scene, "/readyz")
    ready = json.loads(answer.text)
    assert (answer.status_code == 200) == all(ready.values())
    return bool(ready["database"])


async def ask_many(scene: Scene) -> list[Ack]:
    return [await scene.people.command(ALICE, CHANNEL, scene.another_call()) for _ in range(ASKED)]


async def ask_until_refused(scene: Scene, times: int = 4) -> list[Ack]:
    """Request recordings one after another until this number was refused."""
    acks: list[Ack] = []
    while sum("Got it" not in ack.text for ack in acks) < times:
        assert len(acks) < MOST_ASKED
        acks.append(await scene.people.command(ALICE, CHANNEL, scene.another_call()))
    return acks


async def not_ready(scene: Scene) -> bool:
    return not await is_ready(scene)


def assert_all_are_told(acks: list[Ack], logs: list) -> None:
    """Check that each requester and, once, the operator learn of it."""
    refused = [ack.text for ack in acks if "Got it" not in ack.text]
    assert all("has no space left, so I could not store your request" in text for text in refused)
    assert all(Unexpected.what not in ack.text for ack in acks)
    assert lines(logs, "warning", "error")["database_away"] == 1
    assert lines(logs, "error", "critical") == {}
    assert [each["exc_info"] for each in logs if each.get("exc_info")] == []


def lines(logs: list, *levels: str) -> Counter[str]:
    return Counter(each["event"] for each in logs if each["log_level"] in levels)


def let_no_page_be_added(scene: Scene) -> None:
    """Allow no further pages, whichever connection needs one."""
    engine = scene.database.engine.sync_engine

    @event.listens_for(engine, "checkout")
    def _full(connection, *_) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA max_page_count = 1")  # never fewer than exist
        cursor.close()


async def test_a_sqlite_database_on_a_full_disk_is_reported(scene):
    assert await is_ready(scene)
    let_no_page_be_added(scene)
    with capture_logs() as logs:
        acks = await ask_until_refused(scene)
        await until(lambda: not_ready(scene))
        assert (await figures(scene))["database_takes_writes",] == 0
    assert_all_are_told(acks, logs)


@pytest.mark.parametrize("scene_url", ["postgresql"], indirect=True)
async def test_a_read_only_postgresql_is_reported_until_it_is_writable_again(new_scene, scene_url):
    async with new_scene() as scene:
        assert await is_ready(scene)
        for_reading(scene_url, is_so=True)
        with capture_logs() as logs:
            await until(lambda: not_ready(scene))
            assert (await figures(scene))["database_takes_writes",] == 0
            acks = await ask_many(scene)
        assert all("database is unavailable at the moment" in ack.text for ack in acks)
        told = lines(logs, "warning", "error")
        assert told.pop("request_not_stored") == ASKED  # each under the reference that people saw
        assert sum(told.values()) <= 3, told

        for_reading(scene_url, is_so=False)
        call = scene.another_call()
        await until(lambda: taken(scene, call), every_seconds=0.2)
        await scene.ended(await scene.latest())
        assert [file.name for file in scene.every_visible_file()] == [f"{call}-redacted.wav"]


async def taken(scene: Scene, call: str) -> bool:
    return "Got it" in (await scene.people.command(ALICE, CHANNEL, call)).text


def for_reading(url: str, *, is_so: bool) -> None:
    with psycopg.connect(url, autocommit=True, options="-c default_transaction_read_only=off") as c:
        name = c.info.dbname
        c.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {is_so}")
        c.execute(END_OTHER_SESSIONS)


DISK_BYTES = 4 * 2**20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of a few MB, which needs root."""
    place = tmp_path / "disk"
    place.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        pytest.skip("there is no mount here")
    mounting = [mount, "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    if subprocess.run(mounting, check=False).returncode:
        pytest.skip("a small file system can be mounted by root alone")
    yield place
    subprocess.run([umount, "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Fill the disk; returns the file that does."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return ballast


async def test_a_full_disk_is_reported_and_recordings_are_delivered_once_there_is_space(
    new_scene, disk, template_databases
):
    shutil.copytree(template_databases, disk, dirs_exist_ok=True)
    async with new_scene(database_url=f"sqlite:///{disk}/callaudio.db") as scene:
        await scene.ask()
        assert await is_ready(scene)
        ballast = fill(disk)
        with capture_logs() as logs:
            acks = await ask_until_refused(scene)
            await until(lambda: not_ready(scene))

        assert_all_are_told(acks, logs)
        ballast.unlink()
        call = scene.another_call()
        await until(lambda: taken(scene, call), every_seconds=0.2)
        await scene.all_ended()
        names = [file.name for file in scene.every_visible_file()]
        assert names.count(f"{call}-redacted.wav") == 1
        assert len(names) == len(set(names)) == sum("Got it" in ack.text for ack in acks) + 2
        assert await until(lambda: is_ready(scene), every_seconds=0.2)
        assert (await scene.people.command(ALICE, CHANNEL, scene.another_call())).arrived
