"""A loopback server with scripted answers, byte by byte, that records the requests."""

import asyncio
import json
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

WAV_TYPE = {"Content-Type": "audio/wav"}


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass
class ScriptedServer:
    """Sends the scripted answers in turn, the last one repeatedly.

    An answer is raw bytes, sent as they are before the connection closes; `HANG` keeps it open.
    """

    answers: list[bytes] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    connections: list[asyncio.StreamWriter] = field(default_factory=list)

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for writer in self.connections:
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader, writer):
        self.connections.append(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except asyncio.IncompleteReadError:
            return
        request_line, *lines = head.strip().split("\r\n")
        method, target, _ = request_line.split(" ")
        parts = urlsplit(target)
        headers = {name.lower(): value for name, _, value in (s.partition(": ") for s in lines)}
        self.asked.append(Asked(method, parts.path, dict(parse_qsl(parts.query)), headers))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        writer.write(answer.removesuffix(HANG))
        await writer.drain()
        if not answer.endswith(HANG):
            writer.close()


HANG = b"(hang)"


def answer(status=200, body=b"", *, headers=None, length=None):
    """One HTTP answer; `length` overrides Content-Length, "chunked" sends the body in one chunk."""
    fields = dict(headers or {})
    if length == "chunked":
        fields["Transfer-Encoding"] = "chunked"
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    elif length != "absent":
        fields["Content-Length"] = str(len(body) if length is None else length)
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Scripted\r\n{lines}\r\n".encode() + body


def envelope(status, code, *, headers=None, **more):
    """An error as PolyAI documents it."""
    body = {
        "success": False,
        "error": "Leaky +447700900123 https://leak.example/path",
        "error_id": "0e0e0e0e-aaaa-bbbb-cccc-121212121212",
        "error_code": code,
        "error_message": "caller +447700900123 said something",
        "data": None,
    } | more
    fields = {"Content-Type": "application/json"} | (headers or {})
    return answer(status, json.dumps(body).encode(), headers=fields)
