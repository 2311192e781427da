"""On SQLite a lock file ensures that there is only one worker."""

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO


class SecondWorkerRefused(Exception):
    """Another worker already serves this SQLite file; use PostgreSQL to run several."""


@dataclass(frozen=True, slots=True)
class SoleWorker:
    """The lock of the one worker of a SQLite file; the system releases it when the worker dies."""

    file: IO[str]

    @classmethod
    def claim(cls, database_path: Path) -> "SoleWorker":
        """Take the lock file beside the database; it belongs to the owner of the database.

        Raises:
            SecondWorkerRefused: it is taken.
        """
        file = database_path.with_name(f"{database_path.name}.worker").open("w")
        if os.geteuid() == 0 and database_path.exists():  # as SQLite does with its own files
            owner = database_path.stat()
            with suppress(PermissionError):  # a root without that capability
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise SecondWorkerRefused from None
        return cls(file)

    def release(self) -> None:
        """Release the lock."""
        self.file.close()
