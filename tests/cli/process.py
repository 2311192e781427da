"""`python -m bot …` in a process of its own, as an operator starts it."""

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx

from bot.cli.serve import LOOPBACK
from tests.loopback import http_client
from tests.polling import DEADLINE_SECONDS


async def start(
    *arguments: str,
    folder: Path = Path("/"),
    before: Callable[[], None] | None = None,
    **environ: str,
) -> asyncio.subprocess.Process:
    """`python -m bot …` as an operator starts it, by default in a folder without a `.env`."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *arguments,
        cwd=folder,
        preexec_fn=before,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ready(port: int) -> dict[str, bool]:
    """Wait until the process on that port is ready; returns its answer."""
    async with asyncio.timeout(DEADLINE_SECONDS), http_client() as http:
        while True:
            with suppress(httpx.TransportError):
                response = await http.get(f"http://{LOOPBACK}:{port}/readyz")
                if response.status_code == 200:
                    return response.json()
            await asyncio.sleep(0.02)
