"""The findings of checks, and a time limit for each check."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.errors import CallAudioError
from bot.network.connection_failures import ANSWER_TIMEOUT, FIXES

CHECK_SECONDS: Final = 20.0
"""For one check: two connections that are not made, and a little."""


class Status(StrEnum):
    """The status of a finding; ``set`` is a choice or unknown, not a fault."""

    OK = "ok"
    WRONG = "wrong"
    SET = "set"


@dataclass(frozen=True, slots=True)
class Finding:
    """One checked item; ``fix`` says what to do if it is wrong or not set up yet."""

    what: str
    state: Status
    says: str
    fix: str = ""


async def checked(
    what: str, check: Callable[[], Awaitable[Finding]], *, seconds: float | None = None
) -> Finding:
    """Run a check; a ``CallAudioError`` or a time-out becomes a finding too."""
    seconds = seconds or CHECK_SECONDS
    try:
        async with asyncio.timeout(seconds):
            return await check()
    except TimeoutError:
        says = f"no answer within {seconds:g} s (time-out)"
        return Finding(what, Status.WRONG, says, FIXES[ANSWER_TIMEOUT])
    except CallAudioError as error:
        return wrong(what, error)


def wrong(what: str, error: CallAudioError) -> Finding:
    """Turn an error into a finding with its cause, and with advice if the network failed."""
    says = f"{error.what} {error.likely_cause}".strip()
    return Finding(what, Status.WRONG, says, FIXES.get(error.likely_cause, error.operator_fix))
