"""The way of a recording through the code, as docs/development.md shows it."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import FrameType
from typing import Final

from tests.scenarios.scene import Scene

ROOT: Final = Path(__file__).parents[2]
MOST_FILES: Final = 20
MOST_FOLDERS: Final = 8
CALLS: Final = {
    "bot/slack/web.py": "answer",
    "bot/slack/recordings/listeners.py": "command",
    "bot/recordings/requests/request_store.py": "store",
    "bot/recordings/requests/request_writer.py": "write",
    "bot/store/due_work.py": "claim",
    "bot/access/policy.py": "decide",
    "bot/polyai/client.py": "open_audio",
    "bot/slack/recordings/gateway.py": "announce send share find_share",
}
"""Where each part ends: the files on the call stack of these functions are the way."""
BESIDE_THE_WAY: Final = {
    "bot/slack/app.py": "counts the request until Bolt has answered it",
    "bot/jobs/work_kind.py": "turns the error of a run into the time of the next one",
    "bot/recordings/waveform/pictures.py": "uploads the picture",
    "bot/recordings/deliveries/slack_files.py": "uploads the picture",
}
"""Files on the stack that only pass the call on, or carry something else."""


def documented() -> list[str]:
    """The files of the table, in its order."""
    text = (ROOT / "docs/development.md").read_text()
    table = text.partition("| part | its files")[2].partition("\n\n")[0]
    cells = [line.split("|")[2] for line in table.splitlines()[2:]]
    return [path for cell in cells for path in re.findall(r"`(bot/[\w/]+\.py)`", cell)]


@contextmanager
def files_on_the_way() -> Iterator[set[str]]:
    """Collect the files on the call stack of each of ``CALLS``."""
    found: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_name in CALLS.get(_path(code.co_filename), "").split():
            found.update(_stack(frame))

    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(None)


def _stack(frame: FrameType | None) -> Iterator[str]:
    while frame:
        path = _path(frame.f_code.co_filename)
        if path.startswith("bot/") and not path.startswith(("bot/sandbox/", "bot/cli/")):
            yield path
        frame = frame.f_back


def _path(file_name: str) -> str:
    path = Path(file_name)
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else file_name


def _folder(path: str) -> str:
    """The folder of ``bot/``, or of ``bot/recordings/``, that has the file."""
    folders = PurePosixPath(path).parts[1:3]
    return "/".join(folders) if folders[0] == "recordings" else folders[0]


async def test_a_recording_passes_through_the_files_that_are_documented(scene: Scene):
    await scene.grant()

    with files_on_the_way() as found:
        seen = await scene.ask()

    assert seen.delivery.state == "delivered"
    assert found == {*documented(), *BESIDE_THE_WAY}


def test_the_way_is_short_enough_to_be_read_in_an_hour():
    way = documented()
    assert len(way) == len(set(way)) <= MOST_FILES
    assert len({_folder(path) for path in way}) <= MOST_FOLDERS
