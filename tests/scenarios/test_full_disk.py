"""A full disk: people and operators are informed, and work continues once there is space."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.errors import Unexpected
from tests.polling import until
from tests.scenarios.scene import ALICE, CHANNEL
from tests.scenarios.test_full_database import ask_until_refused, is_ready, lines, not_ready, taken

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

        refused = [ack.text for ack in acks if "Got it" not in ack.text]
        assert all(
            "has no space left, so I could not store your request" in text for text in refused
        )
        assert not [ack for ack in acks if Unexpected.what in ack.text]
        assert lines(logs, "warning", "error")["database_away"] == 1
        assert lines(logs, "error", "critical") == {}

        ballast.unlink()
        call = scene.another_call()
        await until(lambda: taken(scene, call), every_seconds=0.2)
        for each in await scene.deliveries():
            await scene.ended(each.id)
        names = [file.name for file in scene.every_visible_file()]
        assert names.count(f"{call}-redacted.wav") == 1
        assert len(names) == len(set(names)) == len(acks) - len(refused) + 2
        assert await until(lambda: is_ready(scene), every_seconds=0.2)
        assert (await scene.people.command(ALICE, CHANNEL, scene.another_call())).arrived
