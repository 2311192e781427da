"""The stand-ins in a separate process, so that they are not counted as the product's memory. As a
script it prints where they listen, one JSON object, and serves until standard input ends.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bot.cli.stage import AGENT_ID, PLAIN_KEY, RAW_KEY
from bot.sandbox.polyai_calls import Recording, Shape
from bot.sandbox.polyai_server import PolyAISandbox
from bot.sandbox.slack_server import SlackSandbox
from bot.sandbox.workspace import Workspace

MIB = 2**20
GIB = 2**30
CALLS = {
    "CA" + "1" * 32: (GIB, Shape.CONTENT_LENGTH),
    "CA" + "2" * 32: (128 * MIB, Shape.CHUNKED_SIZES_UNKNOWN),
    "CA" + "3" * 32: (32 * MIB, Shape.CONTENT_LENGTH),
}
LARGE, CHUNKED, WARM_UP = CALLS


@dataclass(frozen=True)
class StandIns:
    """Where they listen."""

    slack_url: str
    polyai_url: str
    bot_token: str


@contextmanager
def stand_ins() -> Iterator[StandIns]:
    """Start them in another process, and end it by closing its input."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.standins"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        yield StandIns(**json.loads(process.stdout.readline()))
        process.communicate(timeout=30)


async def serve() -> None:
    """Serve until standard input ends."""
    workspace = Workspace()
    workspace.keep_bytes = 0
    workspace.largest_file_bytes = 2 * GIB
    async with SlackSandbox(workspace) as slack, PolyAISandbox() as polyai:
        polyai.add_key(PLAIN_KEY)
        polyai.add_key(RAW_KEY, pii=True)
        for conversation_id, (size, shape) in CALLS.items():
            recording = Recording.synthetic(size)
            polyai.add_call(conversation_id, agent_id=AGENT_ID, recording=recording, shape=shape)
        print(
            json.dumps(
                {"slack_url": slack.url, "polyai_url": polyai.url, "bot_token": workspace.bot_token}
            ),
            flush=True,
        )
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
