"""On SQLite one worker at most, held by a lock file."""

import fcntl
from dataclasses import dataclass
from pathlib import Path
from typing import IO


class SecondWorkerRefused(Exception):
    """Another worker already serves this SQLite file; use PostgreSQL to run several."""


@dataclass(frozen=True, slots=True)
class SoleWorker:
    """The lock by which one SQLite file has one worker; the system frees it when that one dies."""

    file: IO[str]

    @classmethod
    def claim(cls, database_path: Path) -> "SoleWorker":
        """Take the lock file beside the database.

        Raises:
            SecondWorkerRefused: it is taken.
        """
        file = database_path.with_name(f"{database_path.name}.worker").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise SecondWorkerRefused from None
        return cls(file)

    def release(self) -> None:
        """Return the lock back."""
        self.file.close()
