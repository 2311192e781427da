"""A company's proxy on loopback: opens tunnels, counts them, and may ask for a password."""

import asyncio
import base64
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

DOMAIN = "callaudio.test"
"""Never resolved (RFC 6761): a call to a host in it without the proxy fails in DNS."""


@dataclass
class ForwardProxy:
    """Answers only ``CONNECT``; every name in `DOMAIN` is on loopback."""

    login: str | None = None
    """``user:password``, where it asks for one."""
    refuses: bool = False
    tunnels: Counter[str] = field(default_factory=Counter)
    """How many were opened, by the host's name or address."""
    other_requests: list[str] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        user = f"{self.login}@" if self.login else ""
        return f"http://{user}127.0.0.1:{self.port}"

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, target, _ = head.split("\r\n")[0].split(" ")
            if method != "CONNECT":
                self.other_requests.append(f"{method} {target}")
                await self._refuse(writer, "405 Method Not Allowed")
            elif self.login and f"Basic {_encoded(self.login)}" not in head:
                await self._refuse(writer, "407 Proxy Authentication Required")
            elif self.refuses:
                await self._refuse(writer, "403 Forbidden")
            else:
                await self._tunnel(target, reader, writer)
        writer.close()

    async def _refuse(self, writer, status):
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()

    async def _tunnel(self, target, reader, writer):
        host, _, port = target.rpartition(":")
        self.tunnels[host] += 1
        address = "127.0.0.1" if host.endswith(DOMAIN) else host
        far_reader, far_writer = await asyncio.open_connection(address, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        async with asyncio.TaskGroup() as group:
            group.create_task(_pump(reader, far_writer))
            group.create_task(_pump(far_reader, writer))


async def _pump(reader, writer):
    with suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    writer.close()


def _encoded(login: str) -> str:
    return base64.b64encode(login.encode()).decode()
