"""Opens the addresses a server listens on; if one is not available, it says why."""

import errno
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import typer

from bot.cli import console

WANTED_FILES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens.

    Attributes:
        other: what an operator may choose instead, with the setting that does so.
    """

    host: str
    port: int
    other: str


@contextmanager
def bound(addresses: Sequence[Address]) -> Iterator[list[socket.socket]]:
    """Bind every address; no connection is accepted yet.

    Raises:
        typer.Exit: an address is not available.
    """
    with ExitStack() as stack:
        yield [each for wanted in addresses for each in _bound(wanted, stack)]


def most_connections(wanted: int) -> int:
    """Raise the limit of open files if the system allows it; half of it is for clients.

    The other half is for the database, Slack, PolyAI and the health checks.
    """
    try:
        import resource  # noqa: PLC0415 - not to be had on every system
    except ImportError:
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    highest = WANTED_FILES if hard == unlimited else min(hard, WANTED_FILES)
    if soft != unlimited and soft < highest:
        with suppress(OSError, ValueError):  # some systems allow less than they say
            resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
            soft = highest
    return wanted if soft == unlimited else min(wanted, soft // 2)


def _bound(wanted: Address, stack: ExitStack) -> Iterator[socket.socket]:
    host, port = wanted.host, wanted.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        what = f"No machine is known under the name {host}."
        fix = "Give an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all."
        raise console.complain(what, fix, code=console.BAD_USAGE) from None
    for family, kind, protocol, _, address in dict.fromkeys(found):
        opened = stack.enter_context(socket.socket(family, kind, protocol))
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            opened.bind(address)
        except OSError as error:
            raise cannot_listen(wanted, error) from None
        yield opened


def cannot_listen(wanted: Address, error: OSError) -> typer.Exit:
    """Print why an address is not available; raise what is returned, to end the command."""
    host, port, code = wanted.host, wanted.port, console.FAILED
    match error.errno:
        case errno.EADDRINUSE:
            what = f"Port {port} on {host} is taken: another program listens there."
            named = f"`lsof -i :{port}` or `ss -ltnp` names it."
            fix = f"{named} If it has to stay, choose {wanted.other}; otherwise stop it."
        case errno.EACCES | errno.EPERM:
            what = f"This user may not listen on port {port}."
            fix = "Choose a port from 1024 on."
        case errno.EADDRNOTAVAIL:
            what = f"{host} is not an address of this machine."
            fix = "Give one that is, such as 127.0.0.1, or 0.0.0.0 for all."
            code = console.BAD_USAGE
        case _:
            what = f"Cannot listen on port {port} of {host}: {error.strerror}."
            fix = "Check the address and the port."
    return console.complain(what, fix, code=code)
