"""Separates causes from consequences: of several findings with one cause, one is the fault."""

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
"""Causes that count as a fault of this machine's network if no call is answered."""

OF_THE_SCOPES: Final = ("conversations", "approvals channel", "messages")


def without_consequences(findings: Sequence[Finding]) -> list[Finding]:
    """Keep each fault at the finding with its fix; its consequences become ``not checked``."""
    blamed = _with_blame(findings)
    wrong = {each.what for each in blamed if each.state is Status.WRONG}
    return [
        unchecked(each.what, cause)
        if each.state is Status.WRONG and (cause := _cause_of(each, wrong))
        else each
        for each in blamed
    ]


def _with_blame(findings: Sequence[Finding]) -> list[Finding]:
    """Move the failures of proxy, authorities and network to the finding with their setting."""
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
    """Return the fault that has to be fixed first."""
    if finding.what in OF_THE_SCOPES and "scopes" in wrong:
        return "scopes"
    kind, _, agent = finding.what.rpartition(" of ")
    plain = f"plain key of {agent}"
    return plain if kind in ("raw key", "calls") and plain in wrong else None
