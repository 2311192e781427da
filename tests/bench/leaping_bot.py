"""`python -m tests.bench.leaping_bot …`: callaudio with a clock that leaps ahead at SIGUSR1."""

import os
import signal
from datetime import datetime, timedelta
from typing import Final

from bot.wiring import clock

LEAP: Final = timedelta(days=12)
LEAPT: Final = "BENCH_LEAPS"
"""The name of the variable that says how often the clock has leapt when the process starts."""


def main() -> None:
    """Run the command line by that clock."""
    now, ahead = clock.utc_now, LEAP * int(os.environ.get(LEAPT, "0"))

    def leapt_now() -> datetime:
        return now() + ahead

    def leap(*_: object) -> None:
        nonlocal ahead
        ahead += LEAP

    clock.utc_now = leapt_now
    signal.signal(signal.SIGUSR1, leap)
    from bot.__main__ import main as command_line  # noqa: PLC0415 - it takes the clock by its name

    command_line()


if __name__ == "__main__":
    main()
