"""Tells causes from consequences: of findings with one cause, one is to be fixed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from bot.cli.checks.finding import Finding, Status, unchecked
from bot.network.connection_failures import (
    CERTIFICATE_UNKNOWN,
    CONNECT_TIMEOUT,
    DNS,
    FIXES,
    PROXY_AWAY,
    PROXY_LOGIN,
    UNREACHABLE,
)

OF_THE_WAY: Final[Mapping[str, str]] = {
    PROXY_AWAY: "proxy",
    PROXY_LOGIN: "proxy",
    CERTIFICATE_UNKNOWN: "trusted authorities",
}
"""The cause of a failed call, and the finding whose setting is at fault."""

OF_THE_NETWORK: Final = (DNS, CONNECT_TIMEOUT, UNREACHABLE)
"""What is at fault on this machine where it keeps every call from being answered."""

OF_THE_SCOPES: Final = ("conversations", "approvals channel", "messages")


def without_consequences(findings: Sequence[Finding]) -> list[Finding]:
    """Leave each fault where it is to be fixed; what follows from it is ``not checked``."""
    blamed = _with_blame(findings)
    wrong = {each.what for each in blamed if each.state is Status.WRONG}
    return [
        unchecked(each.what, cause)
        if each.state is Status.WRONG and (cause := _cause_of(each, wrong))
        else each
        for each in blamed
    ]


def _with_blame(findings: Sequence[Finding]) -> list[Finding]:
    """Move what failed by the way to the outside to the finding of that way."""
    failures = [each for each in findings if each.state is Status.WRONG]
    fixes = {FIXES[cause]: (what, cause) for cause, what in OF_THE_WAY.items()}
    called = [each for each in failures if each.what == "Slack" or each.what.startswith("plain")]
    if {"Slack", "plain key of default"} <= {each.what for each in called}:
        fixes |= {
            FIXES[cause]: ("proxy", f"Nothing outside can be reached. {cause}")
            for cause in OF_THE_NETWORK
            if all(each.fix == FIXES[cause] for each in called)
        }
    blamed = {what: (says, fix) for fix, (what, says) in fixes.items() if _has(failures, fix)}
    return [
        replace(each, state=Status.WRONG, says=blamed[each.what][0], fix=blamed[each.what][1])
        if each.what in blamed
        else unchecked(each.what, fixes[each.fix][0])
        if each.state is Status.WRONG and each.fix in fixes
        else each
        for each in findings
    ]


def _has(failures: Sequence[Finding], fix: str) -> bool:
    return any(each.fix == fix for each in failures)


def _cause_of(finding: Finding, wrong: set[str]) -> str | None:
    """Name the fault that has to be fixed first."""
    if finding.what in OF_THE_SCOPES and "scopes" in wrong:
        return "scopes"
    kind, _, agent = finding.what.rpartition(" of ")
    plain = f"plain key of {agent}"
    return plain if kind in ("raw key", "calls") and plain in wrong else None
