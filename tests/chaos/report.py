"""What is printed of the findings of a run: each with the log lines about its delivery."""

import json
import re
from collections.abc import Iterator

from tests.chaos.run import Outcome


def report_of_findings(outcome: Outcome) -> Iterator[str]:
    """Name each finding, and below it the log lines of all processes about it, oldest first."""
    for finding in outcome.findings:
        yield f"FOUND {finding}"
        yield from (f"    {line}" for line in _about(finding, outcome))


def _about(finding: str, outcome: Outcome) -> list[str]:
    # A finding names a delivery by its id, or its call.
    named = set(re.findall(r"\bd[0-9a-f]{20}\b|\bCA[0-9a-f]{32}\b", finding))
    lines = [
        (told["timestamp"], f"{told['timestamp'][14:23]} {log.name} {told['event']} {line[:230]}")
        for log in outcome.logs
        for line in log.read_text().splitlines()
        if line.startswith("{") and any(each in line for each in named)
        for told in (json.loads(line),)
    ]
    return [line for _, line in sorted(lines)]
