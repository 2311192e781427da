"""A digest of a million conversations: memory, speed, and exact figures."""

import asyncio
import json
import sys
from typing import Final

from tests.digests.many_calls import MIB, expected

COUNTS: Final = (100_000, 1_000_000)
ALLOWED_GROWTH_MIB: Final = 64


async def run() -> None:
    """Report on a period and on the equally large one before it, in a process of its own."""
    for count in COUNTS:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.digests.many_calls", str(count)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, log = await child.communicate()
        told = json.loads(out)
        same = told["figures"] == await asyncio.to_thread(expected, count)
        growth = told["growth_bytes"] / MIB
        verdict = "PASS" if same and growth < ALLOWED_GROWTH_MIB else "FAIL"
        print(
            f"  {count:,} conversations and as many before: resident +{growth:.1f} MiB,"
            f" {2 * count / told['seconds']:,.0f} per second ({told['seconds']:.0f} s),"
            f" figures {'equal' if same else 'UNEQUAL'} to a plain computation,"
            f" {log.count(b'digest_progress')} lines of progress"
            f" ({verdict}: below {ALLOWED_GROWTH_MIB} MiB)",
            flush=True,
        )
