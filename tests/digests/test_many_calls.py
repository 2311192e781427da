"""A large period: exact figures, flat memory, and progress in the log."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.digests.many_calls import MIB, expected

ROOT = Path(__file__).parents[2]
ALLOWED_GROWTH_MIB = 64


@pytest.mark.parametrize("count", [10_000, pytest.param(200_000, marks=pytest.mark.long)])
def test_many_conversations_are_summarized_exactly_in_bounded_memory(count):
    ran = subprocess.run(
        [sys.executable, "-m", "tests.digests.many_calls", str(count)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    told = json.loads(ran.stdout)
    assert told["figures"] == expected(count)
    assert told["before"] == count
    assert told["notable"] == 20
    assert told["growth_bytes"] < ALLOWED_GROWTH_MIB * MIB
    logged = [json.loads(line) for line in ran.stderr.splitlines()]
    progress = [each["read"] for each in logged if each["event"] == "digest_progress"]
    assert progress == list(range(50_000, count + 1, 50_000)) * 2
