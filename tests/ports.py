"""Ports for programs that are told where to listen."""

import random
import socket
from contextlib import suppress

from bot.cli.loopback_server import LOOPBACK


def free_port() -> int:
    """Find a port that stays free until a bot takes it, and while it is killed and started anew.

    Those that systems give to whoever names none begin higher: any stand-in could be given it.
    """
    while True:
        port = random.randrange(12_000, 30_000)
        with suppress(OSError), socket.create_server((LOOPBACK, port)):
            return port
