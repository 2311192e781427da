"""`python -m tests.bench.fast_forward_bot …`: callaudio, with a clock that jumps at SIGUSR1."""

import os
import signal
from datetime import datetime, timedelta
from typing import Final

from bot.wiring import clock

JUMP: Final = timedelta(days=12)
JUMPS_MADE: Final = "BENCH_JUMPS"
"""The variable with the number of jumps of the clock before the process starts."""


def main() -> None:
    """Run the command line with that clock."""
    now, ahead = clock.utc_now, JUMP * int(os.environ.get(JUMPS_MADE, "0"))

    def shifted_now() -> datetime:
        return now() + ahead

    def jump(*_: object) -> None:
        nonlocal ahead
        ahead += JUMP

    clock.utc_now = shifted_now
    signal.signal(signal.SIGUSR1, jump)
    from bot.__main__ import main as command_line  # noqa: PLC0415 - it takes the clock by its name

    command_line()


if __name__ == "__main__":
    main()
