"""A large period: exact figures, flat memory, and progress in the log."""

import json
import subprocess
import sys
from pathlib import Path

from tests.digests.many_calls import MIB, expected

ROOT = Path(__file__).parents[2]
COUNT = 100_000
ALLOWED_GROWTH_MIB = 64


def test_a_hundred_thousand_conversations_are_summed_up_exactly_in_flat_memory():
    ran = subprocess.run(
        [sys.executable, "-m", "tests.digests.many_calls", str(COUNT)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    told = json.loads(ran.stdout)
    assert told["figures"] == json.loads(json.dumps(expected(COUNT)))
    assert told["before"] == COUNT
    assert told["notable"] == 20
    assert told["growth_bytes"] < ALLOWED_GROWTH_MIB * MIB
    logged = [json.loads(line) for line in ran.stderr.splitlines()]
    progress = [each["read"] for each in logged if each["event"] == "digest_progress"]
    assert progress == [50_000, 100_000] * 2
