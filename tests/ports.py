"""Ports for programs that are told where to listen."""

import random
import socket
from contextlib import suppress

from bot.cli.loopback_server import LOOPBACK


def free_port() -> int:
    """Find a port that stays free until a bot uses it, and while the bot is killed and started
    again. It is below the ports that systems assign automatically, which a stand-in could get.
    """
    while True:
        port = random.randrange(12_000, 30_000)
        with suppress(OSError), socket.create_server((LOOPBACK, port)):
            return port
