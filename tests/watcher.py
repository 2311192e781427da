"""Stops a run's PostgreSQL and removes its folder when the process that began the run has ended. It
is started with the folder's name and a pipe, which closes when that process ends for any reason.
"""

import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

STOPS_WITHIN_SECONDS = 20.0


def main(folder: Path) -> None:
    sys.stdin.read()
    with suppress(OSError, ValueError, IndexError):
        # Below zero while the folder of the data is only being made.
        pid = abs(int((folder / "postgresql" / "postmaster.pid").read_text().splitlines()[0]))
        os.kill(pid, signal.SIGQUIT)  # at once: no data has to be kept
        for _ in range(int(STOPS_WITHIN_SECONDS / 0.01)):
            os.kill(pid, 0)
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
    for _ in range(int(STOPS_WITHIN_SECONDS / 0.1)):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            break
        time.sleep(0.1)  # a process of the run, killed last, still writes there


if __name__ == "__main__":
    main(Path(sys.argv[1]))
