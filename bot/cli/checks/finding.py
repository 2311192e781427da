"""The findings of checks, a time limit for each, and which finding of several is the fault."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from bot.errors import CallAudioError
from bot.network.connection_failures import (
    ANSWER_TIMEOUT,
    CERTIFICATE_UNKNOWN,
    CONNECT_TIMEOUT,
    DNS,
    FIXES,
    PROXY_AWAY,
    PROXY_LOGIN,
    UNREACHABLE,
)

CHECK_SECONDS: Final = 20.0
"""For one check: the time-outs of two connections, and some seconds."""
OF_THE_WAY: Final[Mapping[str, str]] = {
    PROXY_AWAY: "proxy",
    PROXY_LOGIN: "proxy",
    CERTIFICATE_UNKNOWN: "trusted authorities",
}
"""The cause of a failed call, and the finding whose setting is at fault."""
OF_THE_NETWORK: Final = (DNS, CONNECT_TIMEOUT, UNREACHABLE)
"""Causes that count as a fault of this machine's network if no call is answered."""
OF_THE_SCOPES: Final = ("conversations", "approvals channel", "messages")


class Status(StrEnum):
    """The status of a finding; ``set`` is a choice or unknown, not a fault.

    ``not checked``: something before it has to be fixed first, or nobody answered.
    """

    OK = "ok"
    WRONG = "wrong"
    SET = "set"
    UNCHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One checked item.

    Attributes:
        fix: what to do if it is wrong or not set up yet.
        is_always_shown: it is printed without ``--all`` although there is nothing to do, because
            it is unknown or was asked for.
    """

    what: str
    state: Status
    says: str
    fix: str = ""
    is_always_shown: bool = False


def unchecked(what: str, because: str) -> Finding:
    """Say what has to be in order before this can be checked."""
    return Finding(what, Status.UNCHECKED, f"can be checked after: {because}")


async def checked(
    what: str,
    check: Callable[[], Awaitable[Finding]],
    *,
    seconds: float | None = None,
    fixes: Mapping[type[CallAudioError], str] | None = None,
) -> Finding:
    """Run a check; a ``CallAudioError`` or a time-out becomes a finding too.

    ``fixes`` say what to do about some errors here, more exactly than the errors do.
    """
    seconds = seconds or CHECK_SECONDS
    try:
        async with asyncio.timeout(seconds):
            return await check()
    except TimeoutError:
        says = f"no answer within {seconds:g} s (time-out)"
        return Finding(what, Status.WRONG, says, FIXES[ANSWER_TIMEOUT])
    except CallAudioError as error:
        says = f"{error.what} {error.likely_cause}".strip()
        fix = FIXES.get(error.likely_cause, error.operator_fix)  # advice if the network failed
        return Finding(what, Status.WRONG, says, (fixes or {}).get(type(error), fix))


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
    seen = {each.fix for each in failures}
    blamed = {what: (says, fix) for fix, (what, says) in fixes.items() if fix in seen}
    return [
        replace(each, state=Status.WRONG, says=blamed[each.what][0], fix=blamed[each.what][1])
        if each.what in blamed
        else unchecked(each.what, fixes[each.fix][0])
        if each.state is Status.WRONG and each.fix in fixes
        else each
        for each in findings
    ]


def _cause_of(finding: Finding, wrong: set[str]) -> str | None:
    """Return the fault that has to be fixed first."""
    if finding.what in OF_THE_SCOPES and "scopes" in wrong:
        return "scopes"
    kind, _, agent = finding.what.rpartition(" of ")
    plain = f"plain key of {agent}"
    return plain if kind in ("raw key", "calls") and plain in wrong else None
