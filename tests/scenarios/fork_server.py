"""A process that forks others: one for all processes of a run, on a socket in the run's folder. The
first user starts it. It ends when its last connection is closed for any reason.
"""

import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Client, Connection, wait
from pathlib import Path
from typing import Any

from tests.file_lock import locked

Order = dict[str, Any]


class ForkServer:
    """A connection to the server whose socket is in the folder.

    If there is none, it is started: ``python -m module LISTENER arguments…``.
    """

    def __init__(self, folder: Path, module: str, *arguments: str) -> None:
        address = str(folder / "fork-server")
        with locked(folder / "fork-server.lock"):
            found = _connected(address)
            if not found:
                _start(address, module, *arguments)
                found = _connected(address)
        assert found, f"{module} ended as it started"
        self._connection = found

    def fork(self, order: Order) -> int:
        """Fork a child that carries out the order; returns its pid."""
        self._connection.send(order)
        return int(self._connection.recv())

    def close(self) -> None:
        """Close the connection; the server ends after the last one."""
        self._connection.close()


def _start(address: str, module: str, *arguments: str) -> None:
    Path(address).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        listener.set_inheritable(True)
        command = [sys.executable, "-m", module, str(listener.fileno()), *arguments]
        # Its end is not awaited: it serves others after this process has ended.
        os.posix_spawn(sys.executable, command, os.environ)


def _connected(address: str) -> Connection | None:
    """Connect, unless nothing listens or the server ends just now."""
    try:
        connection = Client(address, "AF_UNIX")
    except OSError:
        return None
    try:
        connection.recv()
    except (EOFError, OSError):
        connection.close()
        return None
    return connection


def serve(listener: socket.socket, be_child: Callable[[Order], None]) -> None:
    """Fork a child for each order until no connection is left; ``be_child`` does not return."""
    connections: list[Connection] = []
    while True:
        for ready in wait([listener, *connections]):
            if ready is listener:
                accepted, _ = listener.accept()
                connections.append(Connection(accepted.detach()))
                connections[-1].send("ready")
                continue
            try:
                order = ready.recv()
            except (EOFError, OSError):
                connections.remove(ready)
                ready.close()
                if not connections:
                    return
                continue
            pid = os.fork()
            if pid == 0:
                # If a child kept them open, clients of a server that has ended would wait.
                for each in (listener, *connections):
                    each.close()
                be_child(order)
            with suppress(OSError):  # it was killed meanwhile
                ready.send(pid)
