"""The demo's worker in a process of its own, so that it can be killed."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from bot.cli.demo_script import ENVIRONMENT
from bot.cli.loopback_server import LOOPBACK
from bot.cli.stage import Stage, environment_of, open_stage


class WorkerProcess:
    """Starts and kills `callaudio worker`."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start one; it continues the work of its predecessor."""
        with socket.create_server((LOOPBACK, 0)) as free:
            port = free.getsockname()[1]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot",
            "worker",
            cwd=self._folder,  # no `.env` is there
            env={"PATH": os.environ["PATH"], **self._environment, "PORT": str(port)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def kill(self) -> None:
        """End it with SIGKILL, without any clean-up."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


@asynccontextmanager
async def open_killable(folder: Path) -> AsyncIterator[tuple[Stage, WorkerProcess]]:
    """Open the demo's stage on a folder's database; another process runs the work."""
    database_url = database_in(folder)
    async with open_stage(database_url, environment=ENVIRONMENT, works=False) as stage:
        environment = {
            **environment_of(stage.workspace, stage.slack, stage.polyai),
            **ENVIRONMENT,
            "DATABASE_URL": database_url,
        }
        worker = WorkerProcess(environment, folder)
        await worker.start()
        try:
            yield stage, worker
        finally:
            await worker.kill()


def database_in(folder: Path) -> str:
    """The URL of the demo's database."""
    return f"sqlite:///{folder}/demo.db"
