"""Database failures, worded for operators and for people in Slack."""

import re
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from bot.errors import CallAudioError


class StoreAway(CallAudioError):
    """The database does not answer; whether the request was stored is not certain.

    A connection may break while the database commits.
    """

    code = "store_away"
    what = "My database is unavailable at the moment, so your request may not be stored."
    likely_cause = "It is being restarted, or there is a problem in the network."
    fix = (
        "Try again in a minute, unless the result arrives; if it keeps failing, tell the callaudio "
        "operator the reference."
    )


class StoreFull(StoreAway):
    """The disk is full."""

    code = "store_full"
    what = "My database has no space left, so I could not store your request."
    likely_cause = "The disk that it is on is full."
    fix = "Tell the callaudio operator the reference."


@dataclass(frozen=True, slots=True)
class Failure:
    """A database failure, and its fix for an operator."""

    says: str
    fix: str


AWAY_SQLSTATES: Final = frozenset({"25006", "25P03", "25P04"})
"""Read-only (a standby, or a primary that is being replaced), and timed out while idle.

psycopg raises internal errors for these (docs: PostgreSQL, appendix A, class 25).
"""
DISK_FULL: Final = Failure("its disk is full", "Make room on the disk that the database is on.")
READ_ONLY: Final = Failure(
    "it can only be read",
    "Let this user write the file and its folder; on PostgreSQL, name the primary in DATABASE_URL.",
)
HOST_UNKNOWN: Final = Failure(
    "the name of its host cannot be resolved (DNS)", "Check the host in DATABASE_URL."
)
REFUSED: Final = Failure(
    "nothing listens there", "Check host and port in DATABASE_URL, and that the server is up."
)
TIMEOUT: Final = Failure(
    "no connection was made in time (time-out)", "Check host, port and the firewall."
)
LOGIN_REFUSED: Final = Failure(
    "the user or the password is refused", "Check user and password in DATABASE_URL."
)
NOT_ADMITTED: Final = Failure(
    "the server does not admit this user from here",
    "Check pg_hba.conf, and sslmode in DATABASE_URL.",
)
NO_SUCH_DATABASE: Final = Failure(
    "there is no database of that name", "Create it, or correct the name in DATABASE_URL."
)
TLS: Final = Failure(
    "TLS with it fails", "Check sslmode and sslrootcert in DATABASE_URL; the server may have none."
)
TOO_MANY: Final = Failure(
    "it takes no more connections", "Raise its limit, or put a pooler in front of it."
)
STARTING: Final = Failure("it is starting or stopping", "Try again in a minute.")
NO_FILE: Final = Failure(
    "its file cannot be opened", "Create the folder of DATABASE_URL, and let this user write it."
)
NOT_A_DATABASE: Final = Failure(
    "the file is no SQLite database, or is damaged", "Name another file, or restore a backup."
)
DISK_FAILS: Final = Failure(
    "its disk cannot be written", "Look whether the disk is full, limited by a quota, or damaged."
)
ENCODING: Final = Failure(
    "its encoding is not UTF8",
    "Create another one: createdb --encoding=UTF8 --template=template0 NAME",
)
LOST: Final = Failure("the connection to it was lost", "Try again in a minute.")
LOCKED: Final = Failure(
    "another process has locked it", "Stop the other process: only one worker may use the file."
)
NOT_ALLOWED: Final = Failure(
    "the user lacks a right", "Let the role own its database, or grant it the tables."
)

_BY_SQLSTATE: Final = {  # docs: PostgreSQL, appendix A
    "53100": DISK_FULL,
    "25006": READ_ONLY,
    "28P01": LOGIN_REFUSED,
    "28000": LOGIN_REFUSED,
    "3D000": NO_SUCH_DATABASE,
    "53300": TOO_MANY,
    "57P03": STARTING,
    "57P01": STARTING,
    "42501": NOT_ALLOWED,
}
# For other failures libpq and SQLite give only a message.
_BY_WORDS: Final = (
    (r"no space left|disk is full|could not (?:extend|write)", DISK_FULL),
    (r"disk i/o error", DISK_FAILS),
    (r"encoding of the database", ENCODING),
    (r"readonly database|read-only transaction", READ_ONLY),
    (r"translate host|resolve host|name or service not known|nodename nor servname", HOST_UNKNOWN),
    (r"pg_hba\.conf", NOT_ADMITTED),
    (r"password|role .* does not exist|authentication failed", LOGIN_REFUSED),
    (r"database .* does not exist|no such database", NO_SUCH_DATABASE),
    # Before TLS: libpq's messages for a lost TLS connection contain "SSL" too.
    (r"server closed|terminating connection|connection is (?:closed|lost)", LOST),
    (r"consuming input|sending (?:query|prepared)|ssl connection has been closed", LOST),
    (r"certificate|ssl", TLS),
    (r"too many (?:clients|connections)|connection slots|no more connections", TOO_MANY),
    (r"starting up|shutting down|in recovery mode", STARTING),
    (r"timeout expired|timed out|connection timeout", TIMEOUT),
    (r"connection refused|no such file or directory", REFUSED),
    (r"unable to open database", NO_FILE),
    (r"not a database|malformed", NOT_A_DATABASE),
    (r"database is locked", LOCKED),
)


def why(error: BaseException) -> Failure | None:
    """Find the failure behind an error; None: not recognized."""
    if isinstance(error, NoFreeConnection):
        return TOO_MANY
    if isinstance(error, TimeoutError):
        return TIMEOUT
    original = error.orig if isinstance(error, DBAPIError) else error
    known = _BY_SQLSTATE.get(str(getattr(original, "sqlstate", "")))
    if known:
        return known
    words = str(original).lower()
    return next((each for shape, each in _BY_WORDS if re.search(shape, words)), None)


def for_people(error: BaseException) -> StoreAway | None:
    """Return the error for people in Slack; None: the database did not fail."""
    if isinstance(error, DBAPIError) and why(error) is DISK_FULL:
        return StoreFull()
    is_stores = isinstance(error, NoFreeConnection) or (
        isinstance(error, DBAPIError) and (error.connection_invalidated or why(error) is not None)
    )
    return StoreAway() if is_stores else None


def is_away(error: BaseException) -> bool:
    """Return whether the database failed, so that the statement may succeed later."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, NoFreeConnection)
    # After an idle timeout the driver raises an error that does not mention the connection.
    return (
        error.connection_invalidated
        or isinstance(error, OperationalError | InterfaceError)
        or getattr(error.orig, "sqlstate", None) in AWAY_SQLSTATES
    )
