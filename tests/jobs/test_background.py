"""A process whose background work fails ends with an exit code other than 0."""

import asyncio
import sys

import pytest

from bot.jobs.background import in_background
from tests.polling import DEADLINE_SECONDS

PROGRAM = """
import asyncio, uvloop
from bot.jobs.background import in_background

async def work():
    await asyncio.sleep(0.01)
    raise LookupError("broken for good")

async def main():
    async with in_background(work()):
        await asyncio.Event().wait()

uvloop.run(main())
"""


async def test_work_that_fails_ends_the_process_with_an_exit_code_for_supervisors():
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), DEADLINE_SECONDS)

    assert process.returncode == 1
    assert b"background_work_broke" in out + err
    assert b"LookupError: broken for good" in err


async def test_unfinished_work_is_cancelled_at_the_end_without_an_error():
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with in_background(work()):
        await asyncio.sleep(0)

    assert ended.is_set()


async def test_the_context_ends_with_the_error_of_the_work():
    async def work() -> None:
        raise LookupError

    async def main() -> None:
        async with in_background(work()):
            await asyncio.Event().wait()

    with pytest.raises(LookupError):
        await asyncio.create_task(main())
