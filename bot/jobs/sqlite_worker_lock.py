"""On SQLite a lock file ensures that there is only one worker; leases are in ``store/due_work``."""

import fcntl
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

AGAIN_AFTER_SECONDS: Final = 0.05
"""Whoever looks whether a worker runs holds the lock for less."""


class SecondWorkerRefused(Exception):
    """Another worker already serves this SQLite file; use PostgreSQL to run several."""


@dataclass(frozen=True, slots=True)
class SqliteWorkerLock:
    """The lock of the one worker of a SQLite file; the system releases it when the worker dies."""

    file: IO[str]

    @classmethod
    def acquire(cls, database_path: Path) -> "SqliteWorkerLock":
        """Take the lock file beside the database; it belongs to the owner of the database.

        Raises:
            SecondWorkerRefused: it is taken.
        """
        file = _lock_file(database_path).open("w")
        if os.geteuid() == 0 and database_path.exists():  # as SQLite does with its own files
            owner = database_path.stat()
            with suppress(PermissionError):  # a root without that capability
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        if not _locks(file, fcntl.LOCK_EX):
            time.sleep(AGAIN_AFTER_SECONDS)
            if not _locks(file, fcntl.LOCK_EX):
                file.close()
                raise SecondWorkerRefused
        return cls(file)

    @staticmethod
    def is_held(database_path: Path) -> bool | None:
        """Return whether a worker serves the SQLite file; None: its lock cannot be looked at."""
        try:
            file = _lock_file(database_path).open()
        except FileNotFoundError:
            return False
        except OSError:
            return None
        with file:
            return not _locks(file, fcntl.LOCK_SH)

    def release(self) -> None:
        """Release the lock."""
        self.file.close()


def _lock_file(database_path: Path) -> Path:
    return database_path.with_name(f"{database_path.name}.worker")


def _locks(file: IO[str], kind: int) -> bool:
    """Take the lock; returns whether it was free."""
    with suppress(BlockingIOError):
        fcntl.flock(file, kind | fcntl.LOCK_NB)
        return True
    return False
