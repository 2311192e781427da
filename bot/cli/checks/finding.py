"""The findings of checks, and a time limit for each check."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.errors import CallAudioError
from bot.network.connection_failures import ANSWER_TIMEOUT, FIXES

CHECK_SECONDS: Final = 20.0
"""For one check: the time-outs of two connections, and some seconds."""


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
