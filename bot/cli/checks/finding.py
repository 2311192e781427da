"""What a check finds, and checks that end in time and never in a traceback."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.connection_failures import ANSWER_TIMEOUT, FIXES
from bot.errors import CallAudioError

CHECK_SECONDS: Final = 20.0
"""For one check: two connections that are not made, and a little."""


class Status(StrEnum):
    """How a thing was found; ``set`` is a choice, or what cannot be told: no mistake."""

    OK = "ok"
    WRONG = "wrong"
    SET = "set"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; ``fix`` says what to do when it is wrong, or is still to be set up."""

    what: str
    state: Status
    says: str
    fix: str = ""


async def checked(
    what: str, check: Callable[[], Awaitable[Finding]], *, seconds: float | None = None
) -> Finding:
    """Run a check; an error meant for people, and time running out, are findings too."""
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
    """Tell an error with its cause; where the network is to blame, with what to look at there."""
    says = f"{error.what} {error.likely_cause}".strip()
    return Finding(what, Status.WRONG, says, FIXES.get(error.likely_cause, error.operator_fix))
